-- ListenBrainz: what people tag the artist of each MBID with. The table is the cache and the ledger.
CREATE TABLE listenbrainz_artists (
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
