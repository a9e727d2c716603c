-- Lists that were made: what was asked for, how good each is, and its tracks as they were then.
CREATE TABLE playlists (
    playlist_id BIGINT NOT NULL,
    made_at TIMESTAMPTZ NOT NULL,
    basis VARCHAR NOT NULL CHECK (basis IN ('sound', 'harmony')),
    request VARCHAR NOT NULL,
    preset VARCHAR NOT NULL,
    output VARCHAR,
    tracks INTEGER NOT NULL,
    seconds DOUBLE,
    mean FLOAT NOT NULL,
    dearest FLOAT NOT NULL,
    unlike FLOAT NOT NULL,
    terms VARCHAR[] NOT NULL
);

CREATE TABLE playlist_tracks (
    playlist_id BIGINT NOT NULL,
    position INTEGER NOT NULL,
    track_id VARCHAR NOT NULL,
    path VARCHAR,
    artist VARCHAR,
    title VARCHAR,
    album VARCHAR,
    duration_s DOUBLE,
    bpm FLOAT,
    key_name VARCHAR,
    camelot VARCHAR,
    loudness_lufs FLOAT,
    isrc VARCHAR,
    musicbrainz_recordingid VARCHAR,
    transition FLOAT,
    terms FLOAT[] NOT NULL
);
