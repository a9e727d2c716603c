-- title: MIDI duplicates
-- description: Files found more than once: the same bytes (exact), or the same notes under other metas (near).
SELECT 'exact' AS kind, count(*) AS copies, list(path ORDER BY path) AS paths
FROM midi_paths
GROUP BY sha256
HAVING count(*) > 1
UNION ALL
SELECT 'near', count(DISTINCT sha256), list(path ORDER BY path)
FROM midi_files
JOIN midi_paths USING (sha256)
WHERE note_hash IS NOT NULL
GROUP BY note_hash
HAVING count(DISTINCT sha256) > 1
ORDER BY kind, copies DESC, paths
