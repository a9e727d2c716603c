-- Genres of the songs of the current set, each once, in the words of the vocabulary; see `etl genres fetch`.
CREATE OR REPLACE VIEW song_genres AS
SELECT raw_genres.song_id, raw_genres.track_id AS id, genre_tags.name, max(raw_genres.weight) AS weight
FROM raw_genres
JOIN genre_tags USING (raw)
WHERE raw_genres.item = 'song' AND genre_tags.kind = 'genre'
GROUP BY ALL;
