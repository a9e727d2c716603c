-- Albums that files have no MBID of: what MusicBrainz knows by artist and title.
CREATE TABLE musicbrainz_named_release_groups (
    id VARCHAR PRIMARY KEY,
    status VARCHAR NOT NULL CHECK (status IN ('found', 'gone', 'error')),
    reason VARCHAR NOT NULL,
    failures TINYINT NOT NULL,
    refresh_wanted BOOLEAN NOT NULL,
    fetched_at TIMESTAMPTZ NOT NULL,
    title VARCHAR,
    release_groups INTEGER,
    release_group VARCHAR,
    tags VARCHAR[],
    votes INTEGER[],
    are_genres BOOLEAN[]
);
