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
