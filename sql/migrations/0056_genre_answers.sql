-- Genres from services: what MusicBrainz and Last.fm have answered, each table the cache and the ledger of one kind
-- (those of ListenBrainz are there already), and which names are not to be believed.
CREATE TABLE musicbrainz_tagged_artists (
    id VARCHAR PRIMARY KEY,
    status VARCHAR NOT NULL CHECK (status IN ('found', 'gone', 'error')),
    reason VARCHAR NOT NULL,
    failures TINYINT NOT NULL,
    refresh_wanted BOOLEAN NOT NULL,
    fetched_at TIMESTAMPTZ NOT NULL,
    name VARCHAR,
    tags VARCHAR[],
    votes INTEGER[],
    are_genres BOOLEAN[]
);

CREATE TABLE musicbrainz_named_artists (
    id VARCHAR PRIMARY KEY,
    status VARCHAR NOT NULL CHECK (status IN ('found', 'gone', 'error')),
    reason VARCHAR NOT NULL,
    failures TINYINT NOT NULL,
    refresh_wanted BOOLEAN NOT NULL,
    fetched_at TIMESTAMPTZ NOT NULL,
    name VARCHAR,
    artists INTEGER,
    mbid VARCHAR,
    tags VARCHAR[],
    votes INTEGER[],
    are_genres BOOLEAN[]
);

CREATE TABLE musicbrainz_release_groups (
    id VARCHAR PRIMARY KEY,
    status VARCHAR NOT NULL CHECK (status IN ('found', 'gone', 'error')),
    reason VARCHAR NOT NULL,
    failures TINYINT NOT NULL,
    refresh_wanted BOOLEAN NOT NULL,
    fetched_at TIMESTAMPTZ NOT NULL,
    tags VARCHAR[],
    votes INTEGER[],
    are_genres BOOLEAN[]
);

CREATE TABLE musicbrainz_releases (
    id VARCHAR PRIMARY KEY,
    status VARCHAR NOT NULL CHECK (status IN ('found', 'gone', 'error')),
    reason VARCHAR NOT NULL,
    failures TINYINT NOT NULL,
    refresh_wanted BOOLEAN NOT NULL,
    fetched_at TIMESTAMPTZ NOT NULL,
    release_group VARCHAR,
    tags VARCHAR[],
    votes INTEGER[],
    are_genres BOOLEAN[]
);

CREATE TABLE lastfm_artists (
    id VARCHAR PRIMARY KEY,
    status VARCHAR NOT NULL CHECK (status IN ('found', 'gone', 'error')),
    reason VARCHAR NOT NULL,
    failures TINYINT NOT NULL,
    refresh_wanted BOOLEAN NOT NULL,
    fetched_at TIMESTAMPTZ NOT NULL,
    tags VARCHAR[],
    votes INTEGER[]
);

CREATE TABLE lastfm_named_artists (
    id VARCHAR PRIMARY KEY,
    status VARCHAR NOT NULL CHECK (status IN ('found', 'gone', 'error')),
    reason VARCHAR NOT NULL,
    failures TINYINT NOT NULL,
    refresh_wanted BOOLEAN NOT NULL,
    fetched_at TIMESTAMPTZ NOT NULL,
    tags VARCHAR[],
    votes INTEGER[]
);

CREATE TABLE genre_doubts (
    name VARCHAR PRIMARY KEY,
    reason VARCHAR NOT NULL
);

-- Whether the vocabulary has the genre: what services say counts only then, or if they call it a genre themselves.
ALTER TABLE genre_tags ADD COLUMN in_vocabulary BOOLEAN DEFAULT false;
