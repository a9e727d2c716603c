-- Tracks that are there, each with its file, tags and sonic description (null where there is none): the
-- latest version, and of two modes the beat-synchronous one, which sorts before `window`. The duration is that
-- of the decoded sound, else what the tags say; so is whether the codec is lossless. The proposed gain is that
-- of ReplayGain 2.0, to -18 LUFS.
CREATE OR REPLACE VIEW library AS
SELECT f.path, f.kind, f.size_bytes, f.first_seen, f.content_hash,
    t.* REPLACE (
        coalesce(s.duration_s, t.duration_s) AS duration_s, coalesce(s.is_lossless, t.is_lossless) AS is_lossless
    ),
    s.* EXCLUDE (content_hash, duration_s, is_lossless, version, momentary_counts, short_term_counts),
    -18 - s.loudness_lufs AS replaygain_proposed_db
FROM files AS f
JOIN tracks AS t USING (track_id)
LEFT JOIN (
    SELECT * FROM sonic_features
    QUALIFY row_number() OVER (
        PARTITION BY content_hash ORDER BY split_part(version, '.', 1)::INTEGER DESC, version
    ) = 1
) AS s USING (content_hash)
WHERE f.gone_at IS NULL;
