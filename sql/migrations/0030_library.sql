-- The audio library: files as found, tracks as tagged, sonic descriptions by content.
CREATE TABLE files (
    path VARCHAR NOT NULL,
    track_id VARCHAR NOT NULL,
    kind VARCHAR,
    size_bytes BIGINT NOT NULL,
    mtime_ns BIGINT NOT NULL,
    content_hash VARCHAR,
    problem VARCHAR,
    first_seen TIMESTAMPTZ NOT NULL,
    gone_at TIMESTAMPTZ
);

CREATE TABLE tracks (
    track_id VARCHAR NOT NULL,
    title VARCHAR,
    artist VARCHAR,
    album VARCHAR,
    albumartist VARCHAR,
    genre VARCHAR,
    isrc VARCHAR,
    musicbrainz_recordingid VARCHAR,
    musicbrainz_albumid VARCHAR,
    musicbrainz_artistid VARCHAR,
    track_number INTEGER,
    disc_number INTEGER,
    year INTEGER,
    replaygain_track_db FLOAT,
    replaygain_album_db FLOAT,
    duration_s DOUBLE,
    bitrate_kbps DOUBLE,
    sample_rate_hz INTEGER,
    channels INTEGER
);

CREATE TABLE sonic_features (
    content_hash VARCHAR NOT NULL,
    version VARCHAR NOT NULL,
    mode VARCHAR NOT NULL CHECK (mode IN ('beat', 'window')),
    fallback VARCHAR,
    duration_s DOUBLE NOT NULL,
    bpm FLOAT,
    bpm_confidence FLOAT NOT NULL,
    bpm_half_confidence FLOAT NOT NULL,
    bpm_double_confidence FLOAT NOT NULL,
    tracker_bpm FLOAT,
    beat_times_s FLOAT[] NOT NULL,
    key TINYINT NOT NULL,
    key_name VARCHAR,
    camelot VARCHAR,
    key_correlation FLOAT NOT NULL,
    key_confidence FLOAT NOT NULL,
    rms_db FLOAT NOT NULL,
    crest_db FLOAT NOT NULL,
    dynamic_range_db FLOAT NOT NULL,
    vector_whole FLOAT[128] NOT NULL,
    vector_start FLOAT[128] NOT NULL,
    vector_middle FLOAT[128] NOT NULL,
    vector_end FLOAT[128] NOT NULL
);
