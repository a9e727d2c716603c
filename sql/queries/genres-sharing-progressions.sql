-- title: Genres that share progressions
-- description: Pairs of genres by the progressions of four chords that both have, as a share in percent of
-- those that either has, with the most common of them. A progression is a genre's if enough of its songs
-- have it anywhere. Genres are those of `etl genres fetch`, under one name each; progressions with an
-- unknown chord are left out.
-- param genre: text of song_genres.name = null; only pairs with this genre, by its one name
-- param least: integer 1..1000000 = 3; songs of a genre that must have a progression
-- param limit: integer 1..100000 = 20; pairs to list
WITH first_ids AS (
    -- A numeral of two categories has two ids; here it needs one.
    SELECT list(first_id ORDER BY numeral_id) AS first_ids
    FROM (SELECT numeral_id, min(numeral_id) OVER (PARTITION BY numeral)::UBIGINT AS first_id FROM numerals)
),
tokens AS (
    SELECT song_id, list_transform(numeral_ids, lambda id: first_ids[id + 1]) AS ids
    FROM song_tokens
    CROSS JOIN first_ids
    WHERE len(numeral_ids) >= 4 AND song_id IN (SELECT song_id FROM song_genres)
),
-- Four ids of two bytes in one number.
progressions AS (
    SELECT
        song_id,
        unnest(list_distinct(list_transform(
            range(1, len(ids) - 2),
            lambda i: ids[i] * 281474976710656 + ids[i + 1] * 4294967296 + ids[i + 2] * 65536 + ids[i + 3]
        ))) AS progression
    FROM tokens
),
used AS MATERIALIZED (
    SELECT song_genres.name, progressions.progression, count(*) AS songs
    FROM progressions
    JOIN song_genres USING (song_id)
    WHERE NOT coalesce(
        (SELECT numeral_id FROM numerals WHERE numeral = '?') IN (
            progression // 281474976710656, progression // 4294967296 % 65536,
            progression // 65536 % 65536, progression % 65536
        ), false
    )
    GROUP BY ALL
    HAVING songs >= $least
),
sizes AS (
    SELECT name, count(*) AS progressions FROM used GROUP BY name
),
pairs AS (
    SELECT
        a.name AS genre,
        b.name AS other,
        count(*) AS shared,
        arg_max(a.progression, (least(a.songs, b.songs), -(a.progression::HUGEINT))) AS commonest
    FROM used AS a
    JOIN used AS b USING (progression)
    WHERE CASE WHEN $genre IS NULL THEN a.name < b.name ELSE a.name = $genre AND b.name <> $genre END
    GROUP BY ALL
)
SELECT
    genre,
    other,
    shared,
    round(100 * shared / (own.progressions + others.progressions - shared), 2) AS share_pct,
    concat_ws(' ', n1.numeral, n2.numeral, n3.numeral, n4.numeral) AS commonest
FROM pairs
JOIN sizes AS own ON own.name = genre
JOIN sizes AS others ON others.name = other
JOIN numerals AS n1 ON n1.numeral_id = commonest // 281474976710656
JOIN numerals AS n2 ON n2.numeral_id = commonest // 4294967296 % 65536
JOIN numerals AS n3 ON n3.numeral_id = commonest // 65536 % 65536
JOIN numerals AS n4 ON n4.numeral_id = commonest % 65536
ORDER BY share_pct DESC, shared DESC, genre, other
LIMIT $limit
