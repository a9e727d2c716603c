-- One row per different MIDI file that is there: its first path, its name in the library, and its analysis, if it has one.
CREATE OR REPLACE VIEW midi AS
SELECT
    files.sha256,
    analysis.* EXCLUDE (sha256),
    paths.path,
    paths.copies,
    library.library_name
FROM midi_files AS files
JOIN (
    SELECT sha256, min(path) AS path, count(*) AS copies FROM midi_paths WHERE gone_at IS NULL GROUP BY sha256
) AS paths USING (sha256)
LEFT JOIN midi_analysis AS analysis USING (sha256)
LEFT JOIN (
    -- What was edited in the library is a file of its own, also where it was a part.
    SELECT coalesce(edited_sha256, sha256) AS sha256, min(folder || '/' || name) AS library_name
    FROM midi_library
    WHERE track IS NULL OR edited_sha256 IS NOT NULL
    GROUP BY ALL
) AS library USING (sha256)
WHERE files.valid;
