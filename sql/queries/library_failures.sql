-- Files without features or metadata, by reason, with an example each.
SELECT stage, split_part(split_part(reason, ':', 1), ' (', 1) AS why, count(DISTINCT source) AS files,
    min(source) AS example
FROM rejects
WHERE stage IN ('scan', 'sonic')
GROUP BY stage, why
ORDER BY files DESC, why;
