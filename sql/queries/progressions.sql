-- title: Commonest progressions
-- description: Counts n-grams of Roman numerals over all songs, or those of a genre, decade or kind of
-- section, as one list or the commonest of each group. No n-gram crosses the border of a song; with a section
-- filter or group none leaves the section it starts in. N-grams with an unknown chord are left out. The share
-- is that of all n-grams of the group, in percent. 680,000 songs with 47 million chords take 1 to 3 seconds on
-- two cores, because every n-gram is counted anew; a filter by genre or decade makes it faster.
-- param n: integer 1..8 = 4; chords in a progression
-- param by: text nothing|genre|decade|section = nothing; what the lists are for
-- param genre: text = null; only songs of this main genre
-- param decade: integer = null; only songs of this decade, such as 1980
-- param section: text = null; only inside sections of this name, such as chorus
-- param limit: integer 1..100000 = 20; progressions in each list
WITH labelled AS (
    SELECT
        song_id,
        CASE $by WHEN 'genre' THEN genre WHEN 'decade' THEN decade::VARCHAR ELSE '' END AS label
    FROM song_overview
    WHERE ($genre IS NULL OR genre = $genre) AND ($decade IS NULL OR decade = $decade)
),
groups AS (
    SELECT label, (row_number() OVER (ORDER BY label))::SMALLINT AS group_id
    FROM (
        SELECT label FROM labelled WHERE $by <> 'section' AND label IS NOT NULL
        UNION
        SELECT name FROM sections WHERE $by = 'section'
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
),
pieces AS NOT MATERIALIZED (
    SELECT group_id, numeral_ids AS piece
    FROM tokens
    JOIN groups USING (label)
    WHERE $section IS NULL AND $by <> 'section'
    UNION ALL
    SELECT group_id, piece
    FROM (
        SELECT
            label AS song_label,
            unnest(section_ids) AS section_id,
            unnest(list_transform(
                list_zip(section_starts, list_append(section_starts[2:], len(numeral_ids)::INTEGER)),
                lambda span: numeral_ids[span[1] + 1:span[2]]
            )) AS piece
        FROM tokens
        WHERE $section IS NOT NULL OR $by = 'section'
    )
    JOIN sections USING (section_id)
    JOIN groups ON groups.label = CASE $by WHEN 'section' THEN sections.name ELSE song_label END
    WHERE $section IS NULL OR sections.name = $section
),
windows AS (
    SELECT
        group_id,
        unnest(piece[1:len(piece) - $n + 1]) AS n1,
        unnest(CASE WHEN $n >= 2 THEN piece[2:len(piece) - $n + 2] END) AS n2,
        unnest(CASE WHEN $n >= 3 THEN piece[3:len(piece) - $n + 3] END) AS n3,
        unnest(CASE WHEN $n >= 4 THEN piece[4:len(piece) - $n + 4] END) AS n4,
        unnest(CASE WHEN $n >= 5 THEN piece[5:len(piece) - $n + 5] END) AS n5,
        unnest(CASE WHEN $n >= 6 THEN piece[6:len(piece) - $n + 6] END) AS n6,
        unnest(CASE WHEN $n >= 7 THEN piece[7:len(piece) - $n + 7] END) AS n7,
        unnest(CASE WHEN $n >= 8 THEN piece[8:len(piece)] END) AS n8
    FROM pieces
    WHERE len(piece) >= $n
),
counted AS (
    SELECT group_id, n1, n2, n3, n4, n5, n6, n7, n8, count(*) AS occurrences
    FROM windows
    GROUP BY ALL
),
known AS (
    SELECT *
    FROM counted
    WHERE NOT coalesce(
        (SELECT numeral_id FROM numerals WHERE numeral = '?') IN (n1, n2, n3, n4, n5, n6, n7, n8), false
    )
),
cuts AS (
    SELECT group_id, sum(occurrences) AS total, list_min(max(occurrences, $limit)) AS least
    FROM known
    GROUP BY group_id
),
commonest AS MATERIALIZED (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY group_id ORDER BY occurrences DESC, n1, n2, n3, n4, n5, n6, n7, n8
        ) AS place
    FROM known
    JOIN cuts USING (group_id)
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
        group_id,
        place,
        occurrences,
        total,
        unnest([n1, n2, n3, n4, n5, n6, n7, n8]) AS numeral_id,
        unnest(range(8)) AS position
    FROM commonest
)
JOIN numerals USING (numeral_id)
JOIN groups USING (group_id)
GROUP BY ALL
ORDER BY "group", place
