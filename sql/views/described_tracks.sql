-- Tracks that are there, each with its file and tags, once for each of its sonic descriptions (by version
-- and mode; nulls where there is none). The duration is that of the decoded sound, else what the tags say.
CREATE OR REPLACE VIEW described_tracks AS
SELECT f.path, f.kind, f.size_bytes, f.first_seen, f.content_hash,
    t.* REPLACE (coalesce(s.duration_s, t.duration_s) AS duration_s),
    s.* EXCLUDE (content_hash, duration_s)
FROM files AS f
JOIN tracks AS t USING (track_id)
LEFT JOIN sonic_features AS s USING (content_hash)
WHERE f.gone_at IS NULL;
