-- title: Chord categories by genre
-- description: The chord category profile of each main genre: how often each category occurs, and its share of
-- the genre's known chords in percent. Songs without a genre count under null.
-- param genre: text of songs_current.main_genre = null; only this main genre
-- param decade: integer of song_overview.decade = null; only songs of this decade, such as 1980
SELECT
    genre,
    category,
    sum(chords)::BIGINT AS chords,
    round(100 * sum(chords) / sum(sum(chords)) OVER (PARTITION BY genre), 3) AS share_pct
FROM (
    SELECT genre, numeral_id, count(*) AS chords
    FROM (
        SELECT genre, unnest(numeral_ids) AS numeral_id
        FROM song_tokens
        JOIN song_overview USING (song_id)
        WHERE ($genre IS NULL OR genre = $genre) AND ($decade IS NULL OR decade = $decade)
    )
    GROUP BY genre, numeral_id
)
JOIN numerals USING (numeral_id)
WHERE numeral <> '?'
GROUP BY genre, category
ORDER BY genre NULLS LAST, chords DESC, category
