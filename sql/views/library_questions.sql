-- What services can be asked about the tracks that are there, a row for each track, with one id in one of the columns:
-- MBIDs of artists as files have them (`tagged_artist_mbid`) or as MusicBrainz has told them too (`artist_mbid`), names
-- of artists that files have no MBID of (`artist_name`), of these the ones that MusicBrainz does not know, or knows once
-- and Last.fm does not know by MBID (`lone_name`), release groups, releases whose group the file does not say, and albums
-- by name (`album_name`) where it says neither.
CREATE OR REPLACE VIEW library_questions AS
WITH artists AS (
    SELECT
        artists.track_id,
        artists.artist_mbid,
        artists.artist_name,
        CASE artists.basis WHEN 'mbid' THEN artists.artist_mbid END AS tagged_artist_mbid,
        CASE
            WHEN answers.status = 'gone' THEN artists.artist_name
            WHEN answers.artists = 1 AND by_mbid.status = 'gone' THEN artists.artist_name
        END AS lone_name
    FROM library_artists AS artists
    LEFT JOIN musicbrainz_named_artists AS answers ON answers.id = artists.artist_name
    LEFT JOIN lastfm_artists AS by_mbid ON by_mbid.id = answers.mbid
),

-- Collaborations that MusicBrainz did not know as a whole, and may know by now.
wholes AS (
    SELECT names.track_id, names.name AS artist_name
    FROM library_artist_names AS names
    JOIN musicbrainz_named_artists AS answers ON answers.id = names.name
    WHERE names.of = 'track' AND names.is_whole AND names.has_parts AND answers.status = 'gone'
)

FROM artists
UNION ALL BY NAME
FROM wholes
UNION ALL BY NAME
FROM library_albums
UNION ALL BY NAME
SELECT track_id, album_name FROM library_named_albums;
