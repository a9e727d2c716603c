-- title: MIDI keys
-- description: Histogram of keys, with the mean confidence.
SELECT key, count(*) AS files, round(avg(key_confidence), 3) AS mean_confidence
FROM midi
WHERE key IS NOT NULL
GROUP BY ALL
ORDER BY files DESC, key
