-- The keys that the notes of a piece gave, in order: one, or two where it changes.
CREATE OR REPLACE VIEW midi_keys AS
SELECT
    sha256,
    CAST(unnest(range(len(keys))) AS INTEGER) AS ordinal,
    unnest(key_beats) AS beat,
    unnest(keys) AS key
FROM midi_analysis
WHERE keys IS NOT NULL;
