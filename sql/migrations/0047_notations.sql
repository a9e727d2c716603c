-- What chords are spelled in: a symbol stands for different chords in different notations.
ALTER TABLE sources ADD COLUMN notation VARCHAR DEFAULT 'chordonomicon';

ALTER TABLE chord_symbols RENAME TO symbols_before;
CREATE TABLE chord_symbols (
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
INSERT INTO chord_symbols BY NAME SELECT *, 'chordonomicon' AS notation FROM symbols_before;
DROP TABLE symbols_before;
