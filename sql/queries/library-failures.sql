-- title: Audio files without metadata or features
-- description: Why existing files of the audio library have no metadata (scan) or no features (sonic), with
-- the number of files and an example.
WITH reasons AS (
    SELECT 'scan' AS stage, problem AS reason, path
    FROM files
    WHERE gone_at IS NULL AND problem <> 'no audio'
    UNION ALL
    SELECT 'sonic', ledger.error, path
    FROM files
    JOIN ledger ON ledger.item = files.content_hash AND ledger.task = 'sonic'
    WHERE gone_at IS NULL AND ledger.status IN ('failed', 'parked')
)
SELECT stage, split_part(split_part(reason, ':', 1), ' (', 1) AS why, count(DISTINCT path) AS files,
    min(path) AS example
FROM reasons
GROUP BY stage, why
ORDER BY files DESC, why;
