-- title: Tracks of similar sound
-- description: The tracks nearest to one track. The distance is the root mean square of the differences over the
-- 128 components of the sonic vectors, in standard deviations.
-- param track: text; its title, path or track id
-- param limit: integer 1..100000 = 50; tracks to list
WITH components AS (
    SELECT track_id, unnest(vector_whole::FLOAT[]) AS value, generate_subscripts(vector_whole::FLOAT[], 1) AS number
    FROM library
    WHERE vector_whole IS NOT NULL
),
spread AS (
    SELECT number, stddev_pop(value) AS deviation FROM components GROUP BY number HAVING stddev_pop(value) > 0
),
asked AS (
    SELECT components.*
    FROM components
    WHERE track_id = (
        SELECT min(track_id) FROM library
        WHERE vector_whole IS NOT NULL AND $track IN (track_id, path, title)
    )
),
distances AS (
    SELECT c.track_id, sqrt(avg(((c.value - a.value) / s.deviation) ** 2)) AS distance
    FROM components AS c
    JOIN asked AS a USING (number)
    JOIN spread AS s USING (number)
    GROUP BY c.track_id
)
SELECT round(distance, 4) AS distance, artist, title, round(bpm, 1) AS bpm, key_name, path
FROM distances
JOIN library USING (track_id)
ORDER BY distances.distance, path
LIMIT $limit;
