-- What MIDI files hold beside notes, in which encoding their texts and names are, and what of them is gone.
ALTER TABLE midi_paths ADD COLUMN archive VARCHAR;
ALTER TABLE midi_paths ADD COLUMN name_encoding VARCHAR;
ALTER TABLE midi_paths ADD COLUMN name_encoding_guessed BOOLEAN;
ALTER TABLE midi_paths ADD COLUMN gone_at TIMESTAMP WITH TIME ZONE;
UPDATE midi_paths SET archive = split_part(path, '!', 1) WHERE location IS NULL;

ALTER TABLE midi_files ADD COLUMN text_encoding VARCHAR;
ALTER TABLE midi_files ADD COLUMN text_encoding_guessed BOOLEAN;

ALTER TABLE midi_analysis ADD COLUMN keys VARCHAR[];
ALTER TABLE midi_analysis ADD COLUMN key_beats INTEGER[];

CREATE TABLE midi_texts (
    sha256 VARCHAR NOT NULL,
    ordinal INTEGER NOT NULL,
    track INTEGER NOT NULL,
    tick BIGINT NOT NULL,
    seconds DOUBLE NOT NULL,
    kind VARCHAR NOT NULL,
    text VARCHAR NOT NULL
);

CREATE TABLE midi_tempos (
    sha256 VARCHAR NOT NULL,
    ordinal INTEGER NOT NULL,
    track INTEGER NOT NULL,
    tick BIGINT NOT NULL,
    seconds DOUBLE NOT NULL,
    bpm DOUBLE NOT NULL
);

CREATE TABLE midi_metres (
    sha256 VARCHAR NOT NULL,
    ordinal INTEGER NOT NULL,
    track INTEGER NOT NULL,
    tick BIGINT NOT NULL,
    seconds DOUBLE NOT NULL,
    numerator SMALLINT NOT NULL,
    denominator SMALLINT NOT NULL
);

CREATE TABLE midi_key_signatures (
    sha256 VARCHAR NOT NULL,
    ordinal INTEGER NOT NULL,
    track INTEGER NOT NULL,
    tick BIGINT NOT NULL,
    seconds DOUBLE NOT NULL,
    key VARCHAR NOT NULL
);

-- Signatures of the notes, and the near copies that follow from them: each with the fullest of its group.
CREATE TABLE midi_signatures (
    sha256 VARCHAR NOT NULL,
    notes BIGINT NOT NULL,
    signature UINTEGER[128] NOT NULL
);

CREATE TABLE midi_near (
    sha256 VARCHAR NOT NULL,
    fullest VARCHAR NOT NULL,
    similarity DOUBLE NOT NULL
);
