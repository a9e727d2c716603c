-- Keys of sections, and how much each song's key rests on.
CREATE TABLE section_keys (
    song_id BIGINT NOT NULL,
    section INTEGER NOT NULL,
    start INTEGER NOT NULL,
    key TINYINT NOT NULL,
    confidence FLOAT NOT NULL
);

ALTER TABLE song_harmony ADD COLUMN key_basis VARCHAR;
