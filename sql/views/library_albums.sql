-- The albums of the tracks that are there, by MBID: the release group, or the release where the file does not say it.
CREATE OR REPLACE VIEW library_albums AS
WITH groups AS MATERIALIZED (
    SELECT track_id, value AS release_group_mbid FROM track_tags WHERE field = 'musicbrainz_releasegroupid'
),

releases AS (
    SELECT track_id, value AS release_mbid FROM track_tags WHERE field = 'musicbrainz_albumid'
    UNION
    SELECT track_id, musicbrainz_albumid FROM tracks WHERE musicbrainz_albumid IS NOT NULL
),

albums AS (
    SELECT track_id, release_group_mbid FROM groups
    UNION ALL BY NAME
    SELECT track_id, release_mbid FROM releases ANTI JOIN groups USING (track_id)
)

SELECT track_id, release_group_mbid, release_mbid
FROM albums
SEMI JOIN (SELECT track_id FROM files WHERE gone_at IS NULL) AS there USING (track_id);
