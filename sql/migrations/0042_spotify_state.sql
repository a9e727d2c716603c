-- What was known about Spotify stood in the ledger, with numbers as text in `result_hash`.
INSERT INTO service_state
SELECT
    task,
    item,
    version,
    CASE version
        WHEN 'breaker' THEN json_object(
            'not_before', epoch(not_before), 'reason', coalesce(error, ''), 'openings', result_hash::INTEGER
        )
        WHEN 'batches' THEN json_object('allowed', status = 'done', 'at', epoch(updated_at))
        ELSE to_json(result_hash::INTEGER)
    END
FROM ledger
WHERE
    task = 'spotify'
    AND (version IN ('batches', 'quota') OR (version = 'breaker' AND status = 'parked'))
ON CONFLICT DO NOTHING;

DELETE FROM ledger WHERE task = 'spotify' AND version IN ('breaker', 'batches', 'quota');
