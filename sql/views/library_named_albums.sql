-- Albums that files have no MBID of: of tracks that are there, by artist and title. `album_name` is what MusicBrainz is
-- asked about: the MBID of the artist, or else the name, a tab, and the title, both in lower case with single blanks. It is
-- null while MusicBrainz has still to be asked who the artist is. Titles are without edition and disc: `(Deluxe Edition)`,
-- `[Remastered]`, `CD 2`. Where files do not name the artist of an album, it is whoever has more than half of its tracks in
-- the folder. Albums by various artists, or by somebody of whom MusicBrainz knows nobody, are left out.
CREATE OR REPLACE VIEW library_named_albums AS
WITH spelled AS (
    SELECT
        album,
        trim(lower(nfc_normalize(regexp_replace(album, '\s+', ' ', 'g')))) AS spelling
    FROM (SELECT DISTINCT album FROM tracks WHERE album IS NOT NULL)
),

titles AS (
    SELECT
        album,
        coalesce(
            nullif(
                regexp_replace(
                    spelling,
                    concat(
                        '(?: ?[(\[](?:[^()\[\]]* )?(?:deluxe|remaster|remastered|remasterizado|expanded|anniversary|edition|',
                        'reissue|bonus|dis[ck]|cd)(?:[ 0-9][^()\[\]]*)?[)\]]|,? ?-? (?:dis[ck]|cd) ?[0-9]{1,2})+$'
                    ),
                    ''
                ),
                ''
            ),
            spelling
        ) AS title
    FROM spelled
    WHERE spelling <> ''
),

unnamed AS (
    SELECT
        tracks.track_id,
        tracks.artist,
        tracks.albumartist,
        coalesce(tracks.is_compilation, false) AS is_compilation,
        regexp_extract(files.path, '^.*[/\\]') AS folder,
        titles.title
    FROM tracks
    JOIN titles USING (album)
    JOIN files ON files.track_id = tracks.track_id AND files.gone_at IS NULL
    ANTI JOIN library_albums ON library_albums.track_id = tracks.track_id
),

artists AS MATERIALIZED (
    SELECT track_id, basis, artist_name, artist_mbid FROM library_artists
),

names AS MATERIALIZED (
    SELECT * FROM library_artist_names WHERE is_whole
),

makers AS (
    SELECT folder, title, name, has_parts
    FROM unnamed
    JOIN names ON names.track_id = unnamed.track_id AND names.of = 'track' AND names.artist = unnamed.artist
    WHERE unnamed.albumartist IS NULL AND NOT unnamed.is_compilation
    GROUP BY folder, title, name, has_parts
    QUALIFY 2 * count(*) > sum(count(*)) OVER (PARTITION BY folder, title)
),

credited AS MATERIALIZED (
    SELECT unnamed.track_id, folder, title, name, has_parts
    FROM unnamed
    JOIN names ON names.track_id = unnamed.track_id AND names.of = 'album'
    UNION ALL
    SELECT track_id, folder, title, name, has_parts
    FROM unnamed
    JOIN makers USING (folder, title)
    WHERE unnamed.albumartist IS NULL AND NOT unnamed.is_compilation
),

-- The only MBID that files give to the artist of an album, at tracks that are by that artist.
tagged AS (
    SELECT credited.folder, credited.title, credited.name, any_value(mbids.artist_mbid) AS artist_mbid
    FROM credited
    JOIN names ON names.track_id = credited.track_id AND names.of = 'track' AND names.name = credited.name
    JOIN artists AS mbids ON mbids.track_id = credited.track_id AND mbids.basis = 'mbid'
    GROUP BY ALL
    HAVING count(DISTINCT mbids.artist_mbid) = 1
),

asked AS (
    SELECT DISTINCT artist_name AS name FROM artists WHERE basis = 'name'
)

SELECT
    credited.track_id,
    credited.name AS artist,
    credited.title,
    CASE
        WHEN tagged.artist_mbid IS NULL AND asked.name IS NOT NULL
            AND (answers.status IS NULL OR (answers.status = 'error' AND answers.failures < 3))
            THEN NULL
        ELSE concat(coalesce(tagged.artist_mbid, answers.mbid, credited.name), chr(9), credited.title)
    END AS album_name
FROM credited
LEFT JOIN tagged USING (folder, title, name)
LEFT JOIN asked ON asked.name = credited.name
LEFT JOIN musicbrainz_named_artists AS answers ON answers.id = credited.name
WHERE tagged.artist_mbid IS NOT NULL OR answers.status IS DISTINCT FROM 'gone' OR credited.has_parts;
