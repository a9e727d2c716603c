-- Parts are analyzed like files: what each track and channel is by itself.
CREATE TABLE midi_part_analysis (
    sha256 VARCHAR NOT NULL,
    track INTEGER NOT NULL,
    channel SMALLINT NOT NULL,
    mean_polyphony DOUBLE NOT NULL,
    bars INTEGER,
    note_hash VARCHAR NOT NULL,
    pitch_class_profile FLOAT[12] NOT NULL,
    key VARCHAR,
    key_confidence DOUBLE NOT NULL,
    key_source VARCHAR,
    category VARCHAR NOT NULL,
    category_reason VARCHAR NOT NULL,
    tags VARCHAR[] NOT NULL
);
