-- What services have said about genres, one row per thing asked about: `found`, `none` (not known there, or without a
-- tag), `ambiguous` (kept, and not used: it may be about another artist of the name) or `error`.
CREATE OR REPLACE VIEW genre_answers AS
WITH answers AS (
    SELECT 'musicbrainz' AS source, 'artist' AS kind, id, status, reason, tags, votes, are_genres, fetched_at,
        NULL::INTEGER AS several
    FROM musicbrainz_tagged_artists
    UNION ALL
    SELECT 'musicbrainz', 'name', id, status, reason, tags, votes, are_genres, fetched_at, artists
    FROM musicbrainz_named_artists
    UNION ALL
    SELECT 'musicbrainz', 'release group', id, status, reason, tags, votes, are_genres, fetched_at, NULL
    FROM musicbrainz_release_groups
    UNION ALL
    SELECT 'musicbrainz', 'release', id, status, reason, tags, votes, are_genres, fetched_at, NULL
    FROM musicbrainz_releases
    UNION ALL
    SELECT 'musicbrainz', 'album', id, status, reason, tags, votes, are_genres, fetched_at, release_groups
    FROM musicbrainz_named_release_groups
    UNION ALL
    SELECT 'listenbrainz', 'artist', id, status, reason, tags, votes, are_genres, fetched_at, NULL
    FROM listenbrainz_artists
    UNION ALL
    SELECT 'lastfm', 'artist', id, status, reason, tags, votes, NULL, fetched_at, NULL FROM lastfm_artists
    UNION ALL
    SELECT 'lastfm', 'name', id, status, reason, tags, votes, NULL, fetched_at, NULL FROM lastfm_named_artists
)

SELECT
    answers.source,
    answers.kind,
    answers.id,
    CASE
        WHEN answers.status = 'error' THEN 'error'
        WHEN answers.several > 1 OR (answers.status = 'found' AND doubts.name IS NOT NULL) THEN 'ambiguous'
        WHEN answers.status = 'gone' OR len(answers.tags) = 0 THEN 'none'
        ELSE 'found'
    END AS status,
    CASE
        WHEN answers.several > 1
            THEN format(
                'MusicBrainz knows {} {} of this name',
                answers.several,
                CASE answers.kind WHEN 'album' THEN 'albums' ELSE 'artists' END
            )
        WHEN answers.status = 'found' AND doubts.name IS NOT NULL THEN doubts.reason
        WHEN answers.status = 'found' AND len(answers.tags) = 0 THEN 'without a tag'
        ELSE answers.reason
    END AS reason,
    answers.tags,
    answers.votes,
    answers.are_genres,
    answers.fetched_at
FROM answers
LEFT JOIN genre_doubts AS doubts ON answers.kind IN ('name', 'album') AND doubts.name = answers.id;
