-- One row per different MIDI file: its first path, its name in the library, and its analysis.
CREATE OR REPLACE VIEW midi AS
SELECT
    analysis.*,
    paths.path,
    paths.copies,
    library.folder || '/' || library.name AS library_name
FROM midi_analysis AS analysis
JOIN (
    SELECT sha256, min(path) AS path, count(*) AS copies FROM midi_paths GROUP BY sha256
) AS paths USING (sha256)
LEFT JOIN midi_library AS library ON library.sha256 = analysis.sha256 AND library.track IS NULL;
