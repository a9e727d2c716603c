-- title: Audio files without metadata or features
-- description: Reasons why files of the audio library have no metadata or no features, with the
-- number of files and an example.
SELECT stage, split_part(split_part(reason, ':', 1), ' (', 1) AS why, count(DISTINCT source) AS files,
    min(source) AS example
FROM rejects
WHERE stage IN ('scan', 'sonic')
GROUP BY stage, why
ORDER BY files DESC, why;
