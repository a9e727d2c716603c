-- One row per different MIDI file that is there: its first path, its name in the library, and its analysis, if it has one.
CREATE OR REPLACE VIEW midi AS
SELECT
    files.sha256,
    analysis.* EXCLUDE (sha256),
    paths.path,
    paths.copies,
    library.folder || '/' || library.name AS library_name
FROM midi_files AS files
JOIN (
    SELECT sha256, min(path) AS path, count(*) AS copies FROM midi_paths WHERE gone_at IS NULL GROUP BY sha256
) AS paths USING (sha256)
LEFT JOIN midi_analysis AS analysis USING (sha256)
LEFT JOIN midi_library AS library ON library.sha256 = files.sha256 AND library.track IS NULL
WHERE files.valid;
