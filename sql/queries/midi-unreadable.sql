-- title: MIDI files refused
-- description: Why MIDI files were refused, with an example of each reason; files that could be read later
-- are left out.
SELECT category, reason, count(DISTINCT source) AS files, min(source) AS example
FROM rejects
WHERE run_id IN (SELECT run_id FROM runs WHERE command = 'midi run')
    AND NOT EXISTS (
        FROM midi_paths
        JOIN midi_files USING (sha256)
        WHERE path = source AND last_run > rejects.run_id AND valid AND stage <> 'split'
    )
GROUP BY ALL
ORDER BY files DESC, category, reason
