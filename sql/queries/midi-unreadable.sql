-- title: MIDI files refused
-- description: What MIDI runs refused, by reason, with an example.
SELECT category, reason, count(DISTINCT source) AS files, min(source) AS example
FROM rejects
WHERE run_id IN (SELECT run_id FROM runs WHERE command = 'midi run')
GROUP BY ALL
ORDER BY files DESC, category, reason
