-- MusicBrainz: what it said about the address of each artist at Spotify. The table is the cache and the ledger.
CREATE TABLE musicbrainz_artists (
    id VARCHAR PRIMARY KEY,
    status VARCHAR NOT NULL CHECK (status IN ('found', 'gone', 'error')),
    reason VARCHAR NOT NULL,
    failures TINYINT NOT NULL,
    refresh_wanted BOOLEAN NOT NULL,
    fetched_at TIMESTAMPTZ NOT NULL,
    name VARCHAR,
    mbid VARCHAR,
    sort_name VARCHAR,
    disambiguation VARCHAR,
    artists SMALLINT
);

-- Spotify's limits are those of a developer, over all apps; only whether batches are allowed is each app's own.
INSERT INTO service_state
SELECT
    service,
    'developer',
    CASE key WHEN 'batches' THEN 'batches ' || account ELSE key END,
    value
FROM service_state
WHERE service = 'spotify'
ON CONFLICT DO NOTHING;

DELETE FROM service_state WHERE service = 'spotify' AND account <> 'developer';
