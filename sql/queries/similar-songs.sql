-- title: Songs of similar harmony
-- description: The songs whose harmony is nearest to that of one song, whatever their keys. The distance is
-- the mean of two cosine distances (0 the same, 1 nothing in common): between the chord category counts, and
-- between the mean fingerprints turned so that the tonic comes first. Songs without a key are left out.
-- param id: text of songs_current.id; id of the song, as in its source
-- param limit: integer 1..100000 = 20; songs to list
WITH turned AS (
    SELECT
        song_id,
        category_counts::FLOAT[49] AS categories,
        (fingerprint_mean[(key % 12) + 1:] || fingerprint_mean[:key % 12])::FLOAT[12] AS fingerprint
    FROM song_harmony
    SEMI JOIN songs_current USING (song_id)
    WHERE n_chords > 0
),
target AS (
    SELECT turned.*
    FROM turned
    JOIN songs_current USING (song_id)
    WHERE id = $id
    ORDER BY song_id DESC
    LIMIT 1
),
nearest AS MATERIALIZED (
    SELECT
        turned.song_id,
        array_cosine_distance(turned.categories, target.categories) AS category_distance,
        array_cosine_distance(turned.fingerprint, target.fingerprint) AS fingerprint_distance,
        (category_distance + fingerprint_distance) / 2 AS distance
    FROM turned
    CROSS JOIN target
    WHERE turned.song_id <> target.song_id
    ORDER BY distance, turned.song_id
    LIMIT $limit
),
described AS MATERIALIZED (
    SELECT * FROM song_overview WHERE song_id IN (SELECT song_id FROM nearest)
)
SELECT
    id,
    artist_id,
    genre,
    decade,
    key_name,
    round(distance::DOUBLE, 4) AS distance,
    round(category_distance::DOUBLE, 4) AS category_distance,
    round(fingerprint_distance::DOUBLE, 4) AS fingerprint_distance
FROM nearest
JOIN described USING (song_id)
ORDER BY nearest.distance, song_id
