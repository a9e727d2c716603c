-- title: Songs with a progression
-- description: Songs in which the given Roman numerals follow one another, most occurrences first, with the
-- place and the chords of the first occurrence. Occurrences may overlap and may cross the borders of sections.
-- `songs_found` counts all songs that have the progression, listed or not.
-- param progression: numerals; 1 to 8 Roman numerals, such as `I V vi IV`
-- param genre: text of songs_current.main_genre = null; only songs of this main genre
-- param decade: integer of song_overview.decade = null; only songs of this decade, such as 1980
-- param limit: integer 1..100000 = 20; songs to list
WITH wanted AS MATERIALIZED (
    -- A numeral of two categories has two ids, a and b.
    SELECT
        count(*) AS n,
        list(coalesce(a, -1) ORDER BY position) AS a,
        list(coalesce(b, -1) ORDER BY position) AS b
    FROM (
        SELECT position, min(numeral_id) AS a, max(numeral_id) AS b
        FROM (
            SELECT unnest(words) AS word, generate_subscripts(words, 1) AS position
            FROM (SELECT string_split_regex(trim($progression), '\s+') AS words)
        )
        LEFT JOIN numerals ON numeral = word
        GROUP BY position
    )
),
ids AS MATERIALIZED (
    SELECT
        a[1] AS a1, a[2] AS a2, a[3] AS a3, a[4] AS a4, a[5] AS a5, a[6] AS a6, a[7] AS a7, a[8] AS a8,
        b[1] AS b1, b[2] AS b2, b[3] AS b3, b[4] AS b4, b[5] AS b5, b[6] AS b6, b[7] AS b7, b[8] AS b8
    FROM wanted
),
candidates AS NOT MATERIALIZED (
    -- '(\S+\s+){k}\S' matches more than k numerals; what that decides is decided before the query runs.
    SELECT song_id, numeral_ids
    FROM song_tokens
    JOIN song_overview USING (song_id)
    CROSS JOIN ids
    WHERE ($genre IS NULL OR genre = $genre) AND ($decade IS NULL OR decade = $decade)
        AND (list_contains(numeral_ids, a1) OR list_contains(numeral_ids, b1))
        AND (NOT regexp_matches($progression, '(\S+\s+){1}\S')
            OR list_contains(numeral_ids, a2) OR list_contains(numeral_ids, b2))
        AND (NOT regexp_matches($progression, '(\S+\s+){2}\S')
            OR list_contains(numeral_ids, a3) OR list_contains(numeral_ids, b3))
        AND (NOT regexp_matches($progression, '(\S+\s+){3}\S')
            OR list_contains(numeral_ids, a4) OR list_contains(numeral_ids, b4))
),
windows AS (
    -- One of these has rows; each list that is unnested takes time.
    SELECT
        song_id,
        unnest(range(1, len(numeral_ids) + 1)) AS place,
        unnest(numeral_ids) AS n1,
        unnest(numeral_ids[2:]) AS n2
    FROM candidates
    WHERE NOT regexp_matches($progression, '(\S+\s+){2}\S')
    UNION ALL BY NAME
    SELECT
        song_id,
        unnest(range(1, len(numeral_ids) + 1)) AS place,
        unnest(numeral_ids) AS n1,
        unnest(numeral_ids[2:]) AS n2,
        unnest(numeral_ids[3:]) AS n3,
        unnest(numeral_ids[4:]) AS n4
    FROM candidates
    WHERE regexp_matches($progression, '(\S+\s+){2}\S') AND NOT regexp_matches($progression, '(\S+\s+){4}\S')
    UNION ALL BY NAME
    SELECT
        song_id,
        unnest(range(1, len(numeral_ids) + 1)) AS place,
        unnest(numeral_ids) AS n1,
        unnest(numeral_ids[2:]) AS n2,
        unnest(numeral_ids[3:]) AS n3,
        unnest(numeral_ids[4:]) AS n4,
        unnest(numeral_ids[5:]) AS n5,
        unnest(numeral_ids[6:]) AS n6,
        unnest(numeral_ids[7:]) AS n7,
        unnest(numeral_ids[8:]) AS n8
    FROM candidates
    WHERE regexp_matches($progression, '(\S+\s+){4}\S')
),
found AS (
    SELECT song_id, count(*) AS occurrences, min(place) AS first_chord
    FROM windows
    CROSS JOIN ids
    WHERE (n1 = a1 OR n1 = b1)
        AND (NOT regexp_matches($progression, '(\S+\s+){1}\S') OR n2 = a2 OR n2 = b2)
        AND (NOT regexp_matches($progression, '(\S+\s+){2}\S') OR n3 = a3 OR n3 = b3)
        AND (NOT regexp_matches($progression, '(\S+\s+){3}\S') OR n4 = a4 OR n4 = b4)
        AND (NOT regexp_matches($progression, '(\S+\s+){4}\S') OR n5 = a5 OR n5 = b5)
        AND (NOT regexp_matches($progression, '(\S+\s+){5}\S') OR n6 = a6 OR n6 = b6)
        AND (NOT regexp_matches($progression, '(\S+\s+){6}\S') OR n7 = a7 OR n7 = b7)
        AND (NOT regexp_matches($progression, '(\S+\s+){7}\S') OR n8 = a8 OR n8 = b8)
    GROUP BY song_id
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
        CROSS JOIN wanted
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
