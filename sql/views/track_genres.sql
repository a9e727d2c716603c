-- Genres of the tracks that are there, in the words of the vocabulary: what was written, what it means, who says so, and
-- how much it weighs (track 1, album 0.8, artist 0.5). A track's own artist is not its genre.
CREATE OR REPLACE VIEW track_genres AS
SELECT raw_genres.track_id, raw_genres.raw, genre_tags.name, raw_genres.source, raw_genres.weight
FROM raw_genres
JOIN genre_tags USING (raw)
WHERE
    raw_genres.item = 'track'
    AND genre_tags.kind = 'genre'
    AND (raw_genres.is_sure OR genre_tags.in_vocabulary)
    AND lower(genre_tags.name) IS DISTINCT FROM lower(raw_genres.artist);
