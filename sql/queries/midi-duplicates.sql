-- title: MIDI duplicates
-- description: Files found more than once: the same bytes (exact), or nearly the same notes (near), transposed, at
-- another tempo, with a part more or less. The fullest, which has the most notes, is the one to keep; similarity is
-- the smallest share of four onsets in a row that one of the others has in common with it.
WITH present AS (
    SELECT sha256, min(path) AS path, count(*) AS copies, list(path ORDER BY path) AS paths
    FROM midi_paths
    WHERE gone_at IS NULL
    GROUP BY sha256
)
SELECT 'exact' AS kind, copies, 1.0 AS similarity, path AS kept, paths
FROM present
WHERE copies > 1
UNION ALL
SELECT
    'near',
    count(*),
    round(min(similarity), 2),
    arg_max(path, (notes, similarity, sha256)),
    flatten(list(paths ORDER BY path))
FROM midi_near
JOIN midi_signatures USING (sha256)
JOIN present USING (sha256)
GROUP BY fullest
HAVING count(*) > 1
ORDER BY kind, copies DESC, paths
