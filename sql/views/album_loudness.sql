-- Loudness of albums, as if their tracks were one recording: from how many blocks of 400 ms (integrated) and of 3 s
-- (range) have each loudness, in steps of 0.1 LU from -70 LUFS. Gates and percentiles are those of ITU-R BS.1770-5
-- and EBU Tech 3342; the proposed gain is that of ReplayGain 2.0, to -18 LUFS.
CREATE OR REPLACE VIEW album_loudness AS
WITH recordings AS (
    SELECT content_hash, any_value(momentary_counts) AS momentary, any_value(short_term_counts) AS short_term,
        any_value(true_peak_dbtp) AS true_peak_dbtp
    FROM sonic_features
    WHERE momentary_counts IS NOT NULL
    GROUP BY content_hash
),
members AS (
    SELECT DISTINCT coalesce(t.albumartist, t.artist, '') AS album_artist, t.album, r.*
    FROM files AS f
    JOIN tracks AS t USING (track_id)
    JOIN recordings AS r USING (content_hash)
    WHERE f.gone_at IS NULL AND t.album IS NOT NULL
),
steps AS (
    SELECT album_artist, album, 'momentary' AS kind, unnest(momentary) AS blocks,
        generate_subscripts(momentary, 1) - 1 AS step
    FROM members
    UNION ALL
    SELECT album_artist, album, 'short' AS kind, unnest(short_term), generate_subscripts(short_term, 1) - 1
    FROM members
),
sums AS (
    SELECT album_artist, album, kind, -69.95e0 + step * 0.1e0 AS lufs, 10 ** ((lufs + 0.691) / 10) AS energy,
        sum(blocks) AS blocks
    FROM steps
    GROUP BY album_artist, album, kind, step
    HAVING sum(blocks) > 0
),
gated AS (
    SELECT *, sum(blocks) OVER below AS so_far, sum(blocks) OVER whole AS of_all
    FROM (
        SELECT *
        FROM sums
        QUALIFY energy >= CASE WHEN kind = 'momentary' THEN 0.1 ELSE 0.01 END
            * sum(blocks * energy) OVER (PARTITION BY album_artist, album, kind)
            / sum(blocks) OVER (PARTITION BY album_artist, album, kind)
    )
    WINDOW whole AS (PARTITION BY album_artist, album, kind), below AS (whole ORDER BY lufs)
),
measured AS (
    SELECT album_artist, album,
        -0.691 + 10 * log10(
            sum(blocks * energy) FILTER (kind = 'momentary') / sum(blocks) FILTER (kind = 'momentary')
        ) AS loudness_lufs,
        coalesce(
            min(lufs) FILTER (kind = 'short' AND so_far > round(0.95 * (of_all - 1)))
            - min(lufs) FILTER (kind = 'short' AND so_far > round(0.1 * (of_all - 1))), 0
        ) AS loudness_range_lu
    FROM gated
    GROUP BY album_artist, album
)
SELECT nullif(album_artist, '') AS album_artist, album, tracks, loudness_lufs, loudness_range_lu, true_peak_dbtp,
    -18 - loudness_lufs AS replaygain_proposed_db
FROM (
    SELECT album_artist, album, count(*) AS tracks, max(true_peak_dbtp) AS true_peak_dbtp
    FROM members
    GROUP BY album_artist, album
)
LEFT JOIN measured USING (album_artist, album);
