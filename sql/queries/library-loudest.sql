-- title: Loudest tracks
-- description: The tracks of the audio library with the highest integrated loudness (EBU R128): LUFS, loudness range,
-- true peak, the ReplayGain that brings them to -18 LUFS, RMS re full scale and crest factor in dB.
-- param limit: integer 1..100000 = 100; tracks to list
SELECT artist, title, round(loudness_lufs, 1) AS lufs, round(loudness_range_lu, 1) AS range_lu,
    round(true_peak_dbtp, 1) AS true_peak_dbtp, round(replaygain_proposed_db, 1) AS replaygain_db,
    round(rms_db, 1) AS rms_db, round(crest_db, 1) AS crest_db, path
FROM library
WHERE loudness_lufs IS NOT NULL
ORDER BY loudness_lufs DESC, path
LIMIT $limit;
