-- Genres as somebody wrote them, one row for each: of the songs of the current set (`genres`, which may be a list of
-- quoted names, `main_genre`, and what ListenBrainz says of their artists) and of the tracks that are there (their tags,
-- and what services say of their albums and artists). `weight` is 1 for what is said of the song or track itself, 0.8
-- for its album, 0.5 for its artist. `is_sure` is false for tags of services that these do not call genres: they count
-- if the vocabulary does. Counts of Last.fm are relative to the commonest tag of an artist; below a tenth is chance.
CREATE OR REPLACE VIEW raw_genres AS
WITH song_values AS (
    SELECT
        song_id, id, 'genres' AS source,
        unnest(
            CASE
                WHEN regexp_matches(trim(genres, ' []'), '^[''"].*[''"]$')
                    THEN list_transform(
                        regexp_extract_all(genres, '''[^'']+''|"[^"]+"'), lambda quoted: quoted[2:-2]
                    )
                ELSE [genres]
            END
        ) AS raw
    FROM songs_current
    UNION ALL
    SELECT song_id, id, 'main_genre', main_genre FROM songs_current
),

artist_values AS (
    SELECT songs.song_id, songs.id, unnest(tagged.tags) AS raw, unnest(tagged.are_genres) AS is_genre
    FROM songs_current AS songs
    JOIN musicbrainz_artists AS artists ON artists.id = songs.spotify_artist_id
    JOIN listenbrainz_artists AS tagged ON tagged.id = artists.mbid
),

answers AS (
    SELECT source, kind, id, unnest(tags) AS raw, unnest(votes) AS votes, unnest(are_genres) AS is_genre
    FROM genre_answers
    WHERE status = 'found'
),

asked AS (
    SELECT
        track_id, unnest(['artist', 'name']) AS kind, unnest([artist_mbid, artist_name]) AS id, 0.5::FLOAT AS weight
    FROM library_artists
    WHERE doubt IS NULL
    UNION ALL
    SELECT track_id, unnest(['release group', 'release']), unnest([release_group_mbid, release_mbid]), 0.8::FLOAT
    FROM library_albums
    UNION ALL
    SELECT track_id, 'album', album_name, 0.8::FLOAT FROM library_named_albums
),

tagged AS (
    SELECT asked.track_id, answers.raw, answers.source, asked.weight, answers.votes, answers.is_genre
    FROM asked
    JOIN answers USING (kind, id)
)

SELECT
    'song' AS item, song_id, id AS track_id, raw, source, 1.0::FLOAT AS weight, NULL AS artist, true AS is_sure
FROM song_values
WHERE raw IS NOT NULL AND raw <> ''
UNION ALL
SELECT 'song', song_id, id, raw, 'listenbrainz', 0.5::FLOAT, NULL, true
FROM artist_values
WHERE is_genre
UNION ALL
SELECT
    'track', NULL, library.track_id, coalesce(tags.value, library.genre), 'file', 1.0::FLOAT, library.artist, true
FROM library
LEFT JOIN (SELECT track_id, value FROM track_tags WHERE field = 'genre') AS tags USING (track_id)
WHERE coalesce(tags.value, library.genre, '') <> ''
UNION ALL
SELECT 'track', NULL, tagged.track_id, raw, source, weight, tracks.artist, coalesce(is_genre, false)
FROM tagged
JOIN tracks USING (track_id)
WHERE source <> 'lastfm' OR votes >= 10;
