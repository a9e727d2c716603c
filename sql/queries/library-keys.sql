-- title: Tracks by key
-- description: How many tracks of the audio library are in each key, most frequent first, with the Camelot code.
SELECT key_name, camelot, count(*) AS tracks, round(avg(key_confidence), 3) AS mean_confidence
FROM library
WHERE key_name IS NOT NULL
GROUP BY key_name, camelot
ORDER BY tracks DESC, key_name;
