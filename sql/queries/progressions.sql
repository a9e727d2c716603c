-- title: Most common progressions
-- description: Counts n-grams of Roman numerals over all songs, or those of a genre, decade or kind of
-- section, as one list or as a list for each group. No n-gram crosses the border of a song; with a section
-- filter or group none leaves the section it starts in. N-grams with an unknown chord are left out. The
-- share is that of all n-grams of the group, in percent.
-- param n: integer 1..8 = 4; chords in a progression
-- param by: text nothing|genre|decade|section = nothing; one list for each of these
-- param genre: text of songs_current.main_genre = null; only songs of this main genre
-- param decade: integer of song_overview.decade = null; only songs of this decade, such as 1980
-- param section: text of sections.name = null; only inside sections of this name, such as chorus
-- param limit: integer 1..100000 = 20; progressions in each list
WITH labelled AS NOT MATERIALIZED (
    SELECT
        song_id,
        CASE $by WHEN 'genre' THEN genre WHEN 'decade' THEN decade::VARCHAR ELSE '' END AS label
    FROM (
        -- As in song_overview, which would join more than is needed.
        SELECT song_id, main_genre AS genre, try_cast(try_cast(decade AS DOUBLE) AS INTEGER) AS decade
        FROM songs_current
    )
    WHERE ($genre IS NULL OR genre = $genre) AND ($decade IS NULL OR decade = $decade)
),
groups AS MATERIALIZED (
    SELECT label, (65536 * row_number() OVER (ORDER BY label))::UINTEGER AS start
    FROM (
        SELECT label FROM labelled WHERE $by IN ('genre', 'decade') AND label IS NOT NULL
        UNION
        SELECT name FROM sections WHERE $by = 'section'
        UNION
        SELECT '' WHERE $by = 'nothing'
    )
),
first_ids AS (
    -- A numeral of two categories has two ids; here it needs one. Two bytes each keep the counting small.
    SELECT list(first_id::USMALLINT ORDER BY numeral_id) AS first_ids
    FROM (SELECT numeral_id, min(numeral_id) OVER (PARTITION BY numeral) AS first_id FROM numerals)
),
tokens AS NOT MATERIALIZED (
    SELECT
        label,
        section_starts,
        section_ids,
        list_transform(numeral_ids, lambda id: first_ids[id + 1]) AS numeral_ids
    FROM song_tokens
    JOIN labelled USING (song_id)
    CROSS JOIN first_ids
    WHERE len(song_tokens.numeral_ids) >= $n
),
pieces AS NOT MATERIALIZED (
    SELECT start, numeral_ids AS piece
    FROM tokens
    JOIN groups USING (label)
    WHERE $section IS NULL AND $by <> 'section'
    UNION ALL
    SELECT start, numeral_ids[first + 1:last] AS piece
    FROM (
        SELECT
            label AS song_label,
            numeral_ids,
            unnest(section_ids) AS section_id,
            unnest(section_starts) AS first,
            unnest(list_append(section_starts[2:], len(numeral_ids)::INTEGER)) AS last
        FROM tokens
        WHERE $section IS NOT NULL OR $by = 'section'
    )
    JOIN sections USING (section_id)
    JOIN groups ON groups.label = CASE $by WHEN 'section' THEN sections.name ELSE song_label END
    WHERE last - first >= $n AND ($section IS NULL OR sections.name = $section)
),
counted AS (
    -- One of these has rows: each list that is unnested takes time. So does each column that is grouped by, which
    -- is why the first holds the group as well.
    SELECT *, count(*) AS occurrences
    FROM (SELECT start + unnest(piece) AS n1 FROM pieces WHERE $n = 1)
    GROUP BY ALL
    UNION ALL BY NAME
    SELECT *, count(*) AS occurrences
    FROM (
        SELECT
            start + unnest(piece[:len(piece) - 1]) AS n1,
            unnest(piece[2:]) AS n2
        FROM pieces WHERE $n = 2
    )
    GROUP BY ALL
    UNION ALL BY NAME
    SELECT *, count(*) AS occurrences
    FROM (
        SELECT
            start + unnest(piece[:len(piece) - 2]) AS n1,
            unnest(piece[2:len(piece) - 1]) AS n2,
            unnest(piece[3:]) AS n3
        FROM pieces WHERE $n = 3
    )
    GROUP BY ALL
    UNION ALL BY NAME
    SELECT *, count(*) AS occurrences
    FROM (
        SELECT
            start + unnest(piece[:len(piece) - 3]) AS n1,
            unnest(piece[2:len(piece) - 2]) AS n2,
            unnest(piece[3:len(piece) - 1]) AS n3,
            unnest(piece[4:]) AS n4
        FROM pieces WHERE $n = 4
    )
    GROUP BY ALL
    UNION ALL BY NAME
    SELECT *, count(*) AS occurrences
    FROM (
        SELECT
            start + unnest(piece[:len(piece) - 4]) AS n1,
            unnest(piece[2:len(piece) - 3]) AS n2,
            unnest(piece[3:len(piece) - 2]) AS n3,
            unnest(piece[4:len(piece) - 1]) AS n4,
            unnest(piece[5:]) AS n5
        FROM pieces WHERE $n = 5
    )
    GROUP BY ALL
    UNION ALL BY NAME
    SELECT *, count(*) AS occurrences
    FROM (
        SELECT
            start + unnest(piece[:len(piece) - 5]) AS n1,
            unnest(piece[2:len(piece) - 4]) AS n2,
            unnest(piece[3:len(piece) - 3]) AS n3,
            unnest(piece[4:len(piece) - 2]) AS n4,
            unnest(piece[5:len(piece) - 1]) AS n5,
            unnest(piece[6:]) AS n6
        FROM pieces WHERE $n = 6
    )
    GROUP BY ALL
    UNION ALL BY NAME
    SELECT *, count(*) AS occurrences
    FROM (
        SELECT
            start + unnest(piece[:len(piece) - 6]) AS n1,
            unnest(piece[2:len(piece) - 5]) AS n2,
            unnest(piece[3:len(piece) - 4]) AS n3,
            unnest(piece[4:len(piece) - 3]) AS n4,
            unnest(piece[5:len(piece) - 2]) AS n5,
            unnest(piece[6:len(piece) - 1]) AS n6,
            unnest(piece[7:]) AS n7
        FROM pieces WHERE $n = 7
    )
    GROUP BY ALL
    UNION ALL BY NAME
    SELECT *, count(*) AS occurrences
    FROM (
        SELECT
            start + unnest(piece[:len(piece) - 7]) AS n1,
            unnest(piece[2:len(piece) - 6]) AS n2,
            unnest(piece[3:len(piece) - 5]) AS n3,
            unnest(piece[4:len(piece) - 4]) AS n4,
            unnest(piece[5:len(piece) - 3]) AS n5,
            unnest(piece[6:len(piece) - 2]) AS n6,
            unnest(piece[7:len(piece) - 1]) AS n7,
            unnest(piece[8:]) AS n8
        FROM pieces WHERE $n = 8
    )
    GROUP BY ALL
),
known AS MATERIALIZED (
    SELECT * REPLACE (n1 % 65536 AS n1), n1 - n1 % 65536 AS start
    FROM counted
    WHERE NOT coalesce(
        (SELECT numeral_id FROM numerals WHERE numeral = '?')
        IN (n1 % 65536, n2, n3, n4, n5, n6, n7, n8), false
    )
),
cuts AS (
    SELECT start, sum(occurrences) AS total, list_min(max(occurrences, $limit)) AS least
    FROM known
    GROUP BY start
),
commonest AS MATERIALIZED (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY start ORDER BY occurrences DESC, n1, n2, n3, n4, n5, n6, n7, n8
        ) AS place
    FROM known
    JOIN cuts USING (start)
    WHERE occurrences >= least
    QUALIFY place <= $limit
)
SELECT
    nullif(groups.label, '') AS "group",
    place::INTEGER AS place,
    string_agg(numeral, ' ' ORDER BY position) AS progression,
    occurrences,
    round(100 * occurrences / total, 3) AS share_pct
FROM (
    SELECT
        start,
        place,
        occurrences,
        total,
        unnest([n1, n2, n3, n4, n5, n6, n7, n8]) AS numeral_id,
        unnest(range(8)) AS position
    FROM commonest
)
JOIN numerals USING (numeral_id)
JOIN groups USING (start)
GROUP BY ALL
ORDER BY "group", place
