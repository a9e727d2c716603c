-- title: Tracks by tempo
-- description: How many tracks of the audio library have a tempo in each step of ten beats per minute, with
-- the mean confidence.
SELECT
    floor(bpm / 10) * 10 AS bpm_from,
    count(*) AS tracks,
    round(avg(bpm_confidence), 2) AS mean_confidence
FROM library
WHERE bpm IS NOT NULL
GROUP BY bpm_from
ORDER BY bpm_from;
