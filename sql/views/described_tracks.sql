-- Tracks that are there, once for each of their sonic descriptions (versions and modes); columns as in `library`.
CREATE OR REPLACE VIEW described_tracks AS
SELECT f.path, f.kind, f.size_bytes, f.first_seen, f.content_hash,
    t.* REPLACE (s.duration_s AS duration_s, coalesce(s.is_lossless, t.is_lossless) AS is_lossless),
    s.* EXCLUDE (content_hash, duration_s, is_lossless, momentary_counts, short_term_counts),
    -18 - s.loudness_lufs AS replaygain_proposed_db
FROM files AS f
JOIN tracks AS t USING (track_id)
JOIN sonic_features AS s USING (content_hash)
WHERE f.gone_at IS NULL;
