-- Each song of the current set with the names that Spotify gives its artist and its track, null where they are not known.
CREATE OR REPLACE VIEW song_names AS
SELECT songs.song_id, songs.id, artists.name AS artist_name, tracks.name AS song_name
FROM songs_current AS songs
LEFT JOIN spotify_artists AS artists ON artists.id = songs.spotify_artist_id
LEFT JOIN spotify_tracks AS tracks ON tracks.id = songs.spotify_song_id;
