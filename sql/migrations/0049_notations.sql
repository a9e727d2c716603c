-- What chords are spelled in: a symbol stands for different chords in different notations.
ALTER TABLE sources ADD COLUMN notation VARCHAR DEFAULT 'chordonomicon';

CREATE TABLE symbols_of_notations (
    chord_id INTEGER PRIMARY KEY,
    symbol VARCHAR NOT NULL,
    notation VARCHAR NOT NULL,
    is_known BOOLEAN NOT NULL,
    root_pc TINYINT,
    quality VARCHAR,
    bass_pc TINYINT,
    pitch_classes TINYINT[],
    fingerprint FLOAT[12],
    UNIQUE (symbol, notation)
);
INSERT INTO symbols_of_notations BY NAME SELECT *, 'chordonomicon' AS notation FROM chord_symbols;
DROP TABLE chord_symbols;
ALTER TABLE symbols_of_notations RENAME TO chord_symbols;
