-- Tracks that are there, each with its file, tags and sonic description (null where there is none).
CREATE OR REPLACE VIEW library AS
SELECT f.path, f.kind, f.size_bytes, f.content_hash, t.*, s.* EXCLUDE (content_hash, duration_s, version)
FROM files AS f
JOIN tracks AS t USING (track_id)
LEFT JOIN (
    -- Of two modes the beat-synchronous one; '1.beat' sorts before '1.window'.
    SELECT * FROM sonic_features
    QUALIFY row_number() OVER (PARTITION BY content_hash ORDER BY version) = 1
) AS s USING (content_hash)
WHERE f.gone_at IS NULL;
