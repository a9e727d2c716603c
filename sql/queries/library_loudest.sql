-- The loudest hundred tracks: level, crest factor and dynamic range in dB.
SELECT artist, title, round(rms_db, 1) AS rms_db, round(crest_db, 1) AS crest_db,
    round(dynamic_range_db, 1) AS dynamic_range_db, path
FROM library
WHERE rms_db IS NOT NULL
ORDER BY library.rms_db DESC, path
LIMIT 100;
