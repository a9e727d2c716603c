-- title: Harmonic complexity by decade
-- description: Averages over the songs of each decade that have chords: entropy of their chords, distinct
-- chords, and chords in all; and, of all their known chords, the share with four or more pitch classes and
-- the share outside the most common functions (category `Other`), in percent. Songs without a decade count
-- under null.
-- param genre: text of songs_current.main_genre = null; only songs of this main genre
WITH chosen AS (
    SELECT * FROM song_overview WHERE n_chords > 0 AND ($genre IS NULL OR genre = $genre)
),
songs_of AS (
    SELECT
        decade,
        count(*) AS songs,
        round(avg(chord_entropy_bits), 3) AS mean_entropy_bits,
        round(avg(distinct_chords), 2) AS mean_distinct_chords,
        round(avg(n_chords), 1) AS mean_chords
    FROM chosen
    GROUP BY decade
),
chords_of AS (
    SELECT
        decade,
        sum(chords) AS chords,
        sum(chords) FILTER (len(pitch_classes) >= 4) AS rich,
        sum(chords) FILTER (category = 'Other') AS other
    FROM (
        SELECT decade, chord_id, numeral_id, count(*) AS chords
        FROM (
            SELECT decade, unnest(chord_ids) AS chord_id, unnest(numeral_ids) AS numeral_id
            FROM song_tokens
            JOIN chosen USING (song_id)
        )
        GROUP BY decade, chord_id, numeral_id
    )
    JOIN chord_symbols USING (chord_id)
    JOIN numerals USING (numeral_id)
    WHERE is_known
    GROUP BY decade
)
SELECT
    songs_of.*,
    round(100 * coalesce(rich, 0) / chords, 2) AS four_note_chords_pct,
    round(100 * coalesce(other, 0) / chords, 2) AS other_category_pct
FROM songs_of
JOIN chords_of ON songs_of.decade IS NOT DISTINCT FROM chords_of.decade
ORDER BY songs_of.decade NULLS LAST
