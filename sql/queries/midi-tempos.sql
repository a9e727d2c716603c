-- title: MIDI tempos
-- description: Histogram of tempos, ten beats per minute a bin; files without a tempo are left out.
SELECT floor(bpm / 10) * 10 AS bpm_from, count(*) AS files
FROM midi
WHERE bpm_source <> 'default'
GROUP BY ALL
ORDER BY bpm_from
