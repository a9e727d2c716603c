-- title: Loudest tracks
-- description: The tracks of the audio library with the highest level: RMS re full scale, crest factor and
-- dynamic range in dB.
-- param limit: integer 1..100000 = 100; tracks to list
SELECT artist, title, round(rms_db, 1) AS rms_db, round(crest_db, 1) AS crest_db,
    round(dynamic_range_db, 1) AS dynamic_range_db, path
FROM library
WHERE rms_db IS NOT NULL
ORDER BY library.rms_db DESC, path
LIMIT $limit;
