-- Spotify: what it said about each artist and track id, found or not. The table is the cache and the ledger.
CREATE TABLE spotify_artists (
    id VARCHAR PRIMARY KEY,
    status VARCHAR NOT NULL CHECK (status IN ('found', 'gone', 'error')),
    reason VARCHAR NOT NULL,
    failures TINYINT NOT NULL,
    refresh_wanted BOOLEAN NOT NULL,
    fetched_at TIMESTAMPTZ NOT NULL,
    answered_id VARCHAR,
    name VARCHAR,
    genres VARCHAR[],
    popularity TINYINT,
    followers INTEGER
);

CREATE TABLE spotify_tracks (
    id VARCHAR PRIMARY KEY,
    status VARCHAR NOT NULL CHECK (status IN ('found', 'gone', 'error')),
    reason VARCHAR NOT NULL,
    failures TINYINT NOT NULL,
    refresh_wanted BOOLEAN NOT NULL,
    fetched_at TIMESTAMPTZ NOT NULL,
    answered_id VARCHAR,
    name VARCHAR,
    artist_ids VARCHAR[],
    album_name VARCHAR,
    release_date VARCHAR,
    duration_ms INTEGER,
    explicit BOOLEAN,
    popularity TINYINT,
    isrc VARCHAR
);

-- What a run had done when it ended, as `--log-json` shows it.
ALTER TABLE runs ADD COLUMN progress JSON;
