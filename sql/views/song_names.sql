-- Each song with the names of its artist and its track: as Spotify has them, else as the source; null where not known.
CREATE OR REPLACE VIEW song_names AS
SELECT
    songs.song_id,
    songs.id,
    coalesce(artists.name, songs.artist) AS artist_name,
    coalesce(tracks.name, songs.title) AS song_name
FROM songs
LEFT JOIN spotify_artists AS artists ON artists.id = songs.spotify_artist_id
LEFT JOIN spotify_tracks AS tracks ON tracks.id = songs.spotify_song_id;
