-- MIDI library: where files were found, what is in them, their parts, tags, names in the library, renames.
CREATE TABLE midi_paths (
    path VARCHAR PRIMARY KEY,
    location VARCHAR,
    size_bytes BIGINT NOT NULL,
    mtime_ns BIGINT NOT NULL,
    sha256 VARCHAR NOT NULL,
    name_bpm DOUBLE,
    name_bpm_confidence DOUBLE,
    name_key VARCHAR,
    name_key_confidence DOUBLE,
    name_bars SMALLINT,
    name_metre VARCHAR,
    first_run BIGINT NOT NULL,
    last_run BIGINT NOT NULL
);

CREATE TABLE midi_files (
    sha256 VARCHAR PRIMARY KEY,
    size_bytes BIGINT NOT NULL,
    valid BOOLEAN NOT NULL,
    reason VARCHAR,
    format SMALLINT,
    division INTEGER,
    tracks INTEGER,
    repairs VARCHAR[] NOT NULL
);

CREATE TABLE midi_analysis (
    sha256 VARCHAR NOT NULL,
    seconds DOUBLE NOT NULL,
    notes BIGINT NOT NULL,
    drum_notes BIGINT NOT NULL,
    polyphony INTEGER NOT NULL,
    mean_polyphony DOUBLE NOT NULL,
    pitch_min SMALLINT,
    pitch_max SMALLINT,
    velocity_min SMALLINT,
    velocity_max SMALLINT,
    velocity_mean DOUBLE,
    velocity_deviation DOUBLE,
    note_hash VARCHAR,
    bpm DOUBLE NOT NULL,
    bpm_mean DOUBLE NOT NULL,
    bpm_min DOUBLE NOT NULL,
    bpm_max DOUBLE NOT NULL,
    bpm_confidence DOUBLE NOT NULL,
    bpm_source VARCHAR NOT NULL,
    numerator SMALLINT NOT NULL,
    denominator SMALLINT NOT NULL,
    metre_source VARCHAR NOT NULL,
    bars INTEGER NOT NULL,
    parts UINTEGER NOT NULL,
    programs SMALLINT[] NOT NULL,
    drum_score DOUBLE NOT NULL,
    kick_share DOUBLE NOT NULL,
    snare_share DOUBLE NOT NULL,
    hat_share DOUBLE NOT NULL,
    cymbal_share DOUBLE NOT NULL,
    tom_share DOUBLE NOT NULL,
    percussion_share DOUBLE NOT NULL,
    key VARCHAR,
    key_confidence DOUBLE NOT NULL,
    key_posterior FLOAT[24] NOT NULL,
    key_scope VARCHAR NOT NULL,
    key_change_beat INTEGER,
    other_key VARCHAR,
    pitch_class_profile FLOAT[12] NOT NULL,
    chords VARCHAR[] NOT NULL,
    chord_beats INTEGER[] NOT NULL,
    distinct_chords UINTEGER NOT NULL,
    category VARCHAR,
    category_reason VARCHAR
);

CREATE TABLE midi_tracks (
    sha256 VARCHAR NOT NULL,
    track INTEGER NOT NULL,
    channel SMALLINT NOT NULL,
    program SMALLINT NOT NULL,
    name VARCHAR,
    notes BIGINT NOT NULL,
    start_tick BIGINT NOT NULL,
    end_tick BIGINT NOT NULL,
    pitch_min SMALLINT NOT NULL,
    pitch_max SMALLINT NOT NULL,
    pitch_mean DOUBLE NOT NULL,
    velocity_mean DOUBLE NOT NULL,
    polyphony INTEGER NOT NULL,
    drum_score DOUBLE NOT NULL,
    kick_hits BIGINT NOT NULL,
    snare_hits BIGINT NOT NULL,
    hat_hits BIGINT NOT NULL,
    cymbal_hits BIGINT NOT NULL,
    tom_hits BIGINT NOT NULL,
    percussion_hits BIGINT NOT NULL
);

CREATE TABLE midi_tags (
    sha256 VARCHAR NOT NULL,
    tag VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    confidence DOUBLE NOT NULL
);

-- Files of ours: the library's copies (track null) and the parts split from them.
CREATE TABLE midi_library (
    sha256 VARCHAR NOT NULL,
    track INTEGER,
    channel SMALLINT,
    folder VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    base VARCHAR NOT NULL
);

-- The journal of renames on disk; undone in reverse.
CREATE TABLE midi_renames (
    run_id BIGINT NOT NULL,
    ordinal BIGINT NOT NULL,
    old_path VARCHAR NOT NULL,
    new_path VARCHAR NOT NULL,
    sha256 VARCHAR,
    status VARCHAR NOT NULL CHECK (status IN ('planned', 'done', 'undone'))
);
