-- Tracks by key, most frequent first, with their Camelot code.
SELECT key_name, camelot, count(*) AS tracks, round(avg(key_confidence), 3) AS mean_confidence
FROM library
WHERE key_name IS NOT NULL
GROUP BY key_name, camelot
ORDER BY tracks DESC, key_name;
