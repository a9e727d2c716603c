-- Each song with the names of its artist and its track, null where they are not known, and who gave them. Spotify's
-- name of an artist counts before that of MusicBrainz.
CREATE OR REPLACE VIEW song_names AS
SELECT
    songs.song_id,
    songs.id,
    coalesce(artists.name, others.name) AS artist_name,
    CASE
        WHEN artists.name IS NOT NULL THEN 'spotify' WHEN others.name IS NOT NULL THEN 'musicbrainz'
    END AS artist_name_source,
    tracks.name AS song_name,
    CASE WHEN tracks.name IS NOT NULL THEN 'spotify' END AS song_name_source
FROM songs
LEFT JOIN spotify_artists AS artists ON artists.id = songs.spotify_artist_id
LEFT JOIN musicbrainz_artists AS others ON others.id = songs.spotify_artist_id
LEFT JOIN spotify_tracks AS tracks ON tracks.id = songs.spotify_song_id;
