-- A track is its sound: `content_hash` is of the audio payload, `audio_bytes` its length. Where that is null, the
-- hash is one of all bytes, as earlier versions took it; the next run over the sound replaces it.
ALTER TABLE files ADD COLUMN audio_bytes BIGINT;

-- Which version of the tag reader has read the file; null before there were versions.
ALTER TABLE files ADD COLUMN tag_version INTEGER;

-- Folders that scans have looked through, and drives below them, as they were mounted then.
CREATE TABLE roots (
    path VARCHAR NOT NULL,
    mount_point VARCHAR,
    device VARCHAR,
    scanned_at TIMESTAMPTZ NOT NULL
);

-- More of what tags say: the first value of each field here, all values of those that may have several beside it.
ALTER TABLE tracks ADD COLUMN composer VARCHAR;
ALTER TABLE tracks ADD COLUMN label VARCHAR;
ALTER TABLE tracks ADD COLUMN comment VARCHAR;
ALTER TABLE tracks ADD COLUMN is_compilation BOOLEAN;
ALTER TABLE tracks ADD COLUMN track_side VARCHAR;
ALTER TABLE tracks ADD COLUMN track_total INTEGER;
ALTER TABLE tracks ADD COLUMN disc_total INTEGER;
ALTER TABLE tracks ADD COLUMN release_date VARCHAR;
ALTER TABLE tracks ADD COLUMN original_date VARCHAR;
ALTER TABLE tracks ADD COLUMN tagged_bpm FLOAT;
ALTER TABLE tracks ADD COLUMN tagged_key VARCHAR;
ALTER TABLE tracks ADD COLUMN bit_depth INTEGER;
ALTER TABLE tracks ADD COLUMN is_lossless BOOLEAN;

CREATE TABLE track_tags (
    track_id VARCHAR NOT NULL,
    field VARCHAR NOT NULL,
    position INTEGER NOT NULL,
    value VARCHAR NOT NULL
);
