-- The songs of the current set with the MBID of their artist, null where MusicBrainz has not told it.
CREATE OR REPLACE VIEW songs_with_artist_mbid AS
SELECT songs.*, artists.mbid AS artist_mbid
FROM songs_current AS songs
LEFT JOIN musicbrainz_artists AS artists ON artists.id = songs.spotify_artist_id;
