-- title: Songs with a progression
-- description: Songs in which the given Roman numerals follow one another, most occurrences first, with the
-- place and the chords of the first occurrence. Occurrences may overlap and may cross the borders of sections.
-- `songs_found` counts all songs that have the progression, listed or not.
-- param progression: text; 1 to 8 Roman numerals, such as `I V vi IV`
-- param genre: text = null; only songs of this main genre
-- param decade: integer = null; only songs of this decade, such as 1980
-- param limit: integer 1..100000 = 20; songs to list
WITH words AS (
    SELECT string_split_regex(trim($progression), '\s+') AS words
),
first_ids AS (
    -- A numeral of two categories has two ids; here it needs one.
    SELECT list(first_id ORDER BY numeral_id) AS first_ids
    FROM (SELECT numeral_id, min(numeral_id) OVER (PARTITION BY numeral) AS first_id FROM numerals)
),
wanted AS (
    SELECT
        CASE
            WHEN max(position) <= 8 THEN max(position)
            ELSE error('a progression has at most 8 numerals')
        END AS n,
        list((SELECT min(numeral_id) FROM numerals WHERE numeral = word) ORDER BY position) AS ids
    FROM (SELECT unnest(words) AS word, unnest(range(1, len(words) + 1)) AS position FROM words)
),
candidates AS (
    SELECT song_id, n, ids, list_transform(numeral_ids, lambda id: first_ids[id + 1]) AS numeral_ids
    FROM song_tokens
    JOIN song_overview USING (song_id)
    CROSS JOIN first_ids
    CROSS JOIN wanted
    WHERE ($genre IS NULL OR genre = $genre) AND ($decade IS NULL OR decade = $decade)
),
windows AS (
    SELECT
        song_id,
        n,
        ids,
        unnest(range(1, len(numeral_ids) + 1)) AS position,
        unnest(numeral_ids) AS n1,
        unnest(CASE WHEN n >= 2 THEN numeral_ids[2:] END) AS n2,
        unnest(CASE WHEN n >= 3 THEN numeral_ids[3:] END) AS n3,
        unnest(CASE WHEN n >= 4 THEN numeral_ids[4:] END) AS n4,
        unnest(CASE WHEN n >= 5 THEN numeral_ids[5:] END) AS n5,
        unnest(CASE WHEN n >= 6 THEN numeral_ids[6:] END) AS n6,
        unnest(CASE WHEN n >= 7 THEN numeral_ids[7:] END) AS n7,
        unnest(CASE WHEN n >= 8 THEN numeral_ids[8:] END) AS n8
    FROM candidates
    WHERE list_contains(numeral_ids, ids[1])
        AND (n < 2 OR list_contains(numeral_ids, ids[2]))
        AND (n < 3 OR list_contains(numeral_ids, ids[3]))
        AND (n < 4 OR list_contains(numeral_ids, ids[4]))
),
found AS (
    SELECT song_id, n, count(*) AS occurrences, min(position) AS first_chord
    FROM windows
    WHERE n1 = ids[1]
        AND (n < 2 OR n2 = ids[2])
        AND (n < 3 OR n3 = ids[3])
        AND (n < 4 OR n4 = ids[4])
        AND (n < 5 OR n5 = ids[5])
        AND (n < 6 OR n6 = ids[6])
        AND (n < 7 OR n7 = ids[7])
        AND (n < 8 OR n8 = ids[8])
    GROUP BY song_id, n
),
listed AS MATERIALIZED (
    SELECT *, count(*) OVER () AS songs_found
    FROM found
    ORDER BY occurrences DESC, song_id
    LIMIT $limit
),
spelled AS MATERIALIZED (
    SELECT song_id, string_agg(symbol, ' ' ORDER BY position) AS chords
    FROM (
        SELECT
            song_id,
            unnest(chord_ids[first_chord:first_chord + n - 1]) AS chord_id,
            unnest(range(n)) AS position
        FROM song_tokens
        JOIN listed USING (song_id)
    )
    JOIN chord_symbols USING (chord_id)
    GROUP BY song_id
),
described AS MATERIALIZED (
    SELECT * FROM song_overview WHERE song_id IN (SELECT song_id FROM listed)
)
SELECT id, artist_id, genre, decade, key_name, occurrences, first_chord, chords, songs_found
FROM listed
JOIN spelled USING (song_id)
JOIN described USING (song_id)
ORDER BY occurrences DESC, song_id
