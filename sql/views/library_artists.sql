-- The artists of the tracks that are there, as far as it is known who they are: `basis` is `mbid` where the file says so,
-- else `name`, and then `artist_mbid` is of the only artist whom MusicBrainz knows by that name. `doubt` says why a name
-- is not to be used, null if it is. A name of several counts as a whole unless MusicBrainz knows no such artist.
CREATE OR REPLACE VIEW library_artists AS
WITH names AS MATERIALIZED (
    SELECT * FROM library_artist_names WHERE of = 'track'
),

mbids AS MATERIALIZED (
    SELECT track_id, artist_mbid
    FROM (
        SELECT track_id, value AS artist_mbid FROM track_tags WHERE field = 'musicbrainz_artistid'
        UNION
        SELECT track_id, musicbrainz_artistid FROM tracks WHERE musicbrainz_artistid IS NOT NULL
    )
    SEMI JOIN (SELECT track_id FROM files WHERE gone_at IS NULL) AS there USING (track_id)
),

named AS (
    SELECT DISTINCT names.track_id, names.name
    FROM names
    ANTI JOIN mbids USING (track_id)
    LEFT JOIN names AS whole
        ON whole.track_id = names.track_id AND whole.artist = names.artist AND whole.is_whole
    LEFT JOIN musicbrainz_named_artists AS answers ON answers.id = whole.name
    WHERE NOT names.has_parts OR names.is_whole = (answers.status IS DISTINCT FROM 'gone')
)

SELECT track_id, 'mbid' AS basis, NULL::VARCHAR AS artist_name, artist_mbid, NULL::VARCHAR AS doubt
FROM mbids
WHERE
    -- Various Artists, [unknown], [anonymous], [traditional], [no artist] of MusicBrainz
    artist_mbid NOT IN (
        '89ad4ac3-39f7-470e-963a-56509c546377', '125ec42a-7229-4250-afc5-e057484327fe',
        'f731ccc4-e22a-43af-a747-64213329e088', '9be7f096-97ec-4615-8957-8d40b5dcbc41',
        'eec63d3c-3b81-4ad4-b1e4-7c147d4d2b61'
    )
UNION ALL
SELECT
    named.track_id,
    'name',
    named.name,
    answers.mbid,
    CASE WHEN answers.artists > 1 THEN 'several artists have this name' ELSE doubts.reason END
FROM named
LEFT JOIN musicbrainz_named_artists AS answers ON answers.id = named.name AND answers.status = 'found'
LEFT JOIN genre_doubts AS doubts ON doubts.name = named.name;
