-- One row per chord song of the current set: its names as numbers and dates where they are such, and its harmony.
CREATE OR REPLACE VIEW song_overview AS
SELECT
    songs.song_id,
    songs.source_id,
    songs.id,
    songs.artist_id,
    songs.main_genre AS genre,
    songs.rock_genre,
    songs.genres,
    try_cast(try_cast(songs.decade AS DOUBLE) AS INTEGER) AS decade,
    try_cast(regexp_extract(songs.release_date, '^\d{4}') AS INTEGER) AS release_year,
    songs.spotify_song_id,
    songs.spotify_artist_id,
    harmony.key_name,
    harmony.key,
    harmony.key_confidence,
    harmony.n_chords,
    harmony.n_unknown,
    harmony.n_sections,
    harmony.distinct_chords,
    harmony.chord_entropy_bits
FROM songs_current AS songs
JOIN song_harmony AS harmony USING (song_id);
