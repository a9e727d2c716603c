-- Each song of the current set with the names of its artist and its track, null where they are not known, and who gave
-- them: Spotify, else MusicBrainz, else the source of the song.
CREATE OR REPLACE VIEW song_names AS
SELECT
    songs.song_id,
    songs.id,
    coalesce(artists.name, others.name, songs.artist) AS artist_name,
    CASE
        WHEN artists.name IS NOT NULL THEN 'spotify'
        WHEN others.name IS NOT NULL THEN 'musicbrainz'
        WHEN songs.artist IS NOT NULL THEN 'source'
    END AS artist_name_source,
    coalesce(tracks.name, songs.title) AS song_name,
    CASE
        WHEN tracks.name IS NOT NULL THEN 'spotify' WHEN songs.title IS NOT NULL THEN 'source'
    END AS song_name_source
FROM songs_current AS songs
LEFT JOIN spotify_artists AS artists ON artists.id = songs.spotify_artist_id
LEFT JOIN musicbrainz_artists AS others ON others.id = songs.spotify_artist_id
LEFT JOIN spotify_tracks AS tracks ON tracks.id = songs.spotify_song_id;
