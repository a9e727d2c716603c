-- title: Songs by key and decade
-- description: How many songs are in each key in each decade, and their share of the decade's songs in
-- percent. Songs without a key count under `No Harmony` or `Parse Error`, those without a decade under null.
-- param genre: text of songs_current.main_genre = null; only songs of this main genre
-- param decade: integer of song_overview.decade = null; only songs of this decade, such as 1980
SELECT
    decade,
    key_name,
    count(*) AS songs,
    round(100 * songs / sum(songs) OVER (PARTITION BY decade), 2) AS share_pct
FROM song_overview
WHERE ($genre IS NULL OR genre = $genre) AND ($decade IS NULL OR decade = $decade)
GROUP BY decade, key_name
ORDER BY decade NULLS LAST, songs DESC, key_name
