-- Each tag of the artist of each song of the current set: how many people gave it, whether it is a genre, who says so.
CREATE OR REPLACE VIEW song_tags AS
SELECT
    songs.song_id,
    songs.id,
    artists.mbid AS artist_mbid,
    unnest(tagged.tags) AS tag,
    unnest(tagged.votes) AS votes,
    unnest(tagged.are_genres) AS is_genre,
    'listenbrainz' AS source
FROM songs_current AS songs
JOIN musicbrainz_artists AS artists ON artists.id = songs.spotify_artist_id
JOIN listenbrainz_artists AS tagged ON tagged.id = artists.mbid;
