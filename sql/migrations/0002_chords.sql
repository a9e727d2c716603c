-- Chord songs: the source rows, their harmony, their tokens, and what the tokens stand for.
CREATE TABLE sources (
    source_id INTEGER NOT NULL,
    run_id BIGINT NOT NULL,
    path VARCHAR NOT NULL,
    size_bytes BIGINT NOT NULL,
    mtime_ns BIGINT NOT NULL,
    rows_in BIGINT NOT NULL,
    songs BIGINT NOT NULL
);

CREATE TABLE songs (
    song_id BIGINT NOT NULL,
    source_id INTEGER NOT NULL,
    line BIGINT NOT NULL,
    id VARCHAR NOT NULL,
    chords VARCHAR USING COMPRESSION zstd, -- half the time of the default, and half the size
    release_date VARCHAR,
    genres VARCHAR,
    decade VARCHAR,
    rock_genre VARCHAR,
    artist_id VARCHAR,
    main_genre VARCHAR,
    spotify_song_id VARCHAR,
    spotify_artist_id VARCHAR
);

CREATE TABLE song_harmony (
    song_id BIGINT NOT NULL,
    key TINYINT NOT NULL,
    key_name VARCHAR NOT NULL,
    key_confidence FLOAT NOT NULL,
    key_runner_up TINYINT NOT NULL,
    key_posterior FLOAT[24] NOT NULL,
    n_chords UINTEGER NOT NULL,
    n_unknown UINTEGER NOT NULL,
    n_sections UINTEGER NOT NULL,
    distinct_chords UINTEGER NOT NULL,
    chord_entropy_bits FLOAT NOT NULL,
    pitch_class_profile FLOAT[12] NOT NULL,
    fingerprint_mean FLOAT[12] NOT NULL,
    category_counts UINTEGER[49] NOT NULL
);

CREATE TABLE song_tokens (
    song_id BIGINT NOT NULL,
    chord_ids INTEGER[] NOT NULL,
    numeral_ids INTEGER[] NOT NULL,
    section_starts INTEGER[] NOT NULL,
    section_ids INTEGER[] NOT NULL
);

CREATE TABLE chord_symbols (
    chord_id INTEGER PRIMARY KEY,
    symbol VARCHAR NOT NULL UNIQUE,
    is_known BOOLEAN NOT NULL,
    root_pc TINYINT,
    quality VARCHAR,
    bass_pc TINYINT,
    pitch_classes TINYINT[],
    fingerprint FLOAT[12]
);

CREATE TABLE numerals (
    numeral_id INTEGER PRIMARY KEY,
    numeral VARCHAR NOT NULL,
    category VARCHAR NOT NULL,
    UNIQUE (numeral, category)
);

CREATE TABLE sections (
    section_id INTEGER PRIMARY KEY,
    tag VARCHAR NOT NULL UNIQUE,
    name VARCHAR NOT NULL,
    number INTEGER NOT NULL
);

CREATE TABLE source_symbols (
    source_id INTEGER NOT NULL,
    chord_id INTEGER NOT NULL,
    occurrences BIGINT NOT NULL
);
