-- title: Loudness of albums
-- description: Integrated loudness (EBU R128), loudness range and true peak of each album of the audio library as one
-- recording, and the ReplayGain that brings it to -18 LUFS; loudest first.
-- param limit: integer 1..100000 = 100; albums to list
SELECT album_artist, album, tracks, round(loudness_lufs, 1) AS lufs, round(loudness_range_lu, 1) AS range_lu,
    round(true_peak_dbtp, 1) AS true_peak_dbtp, round(replaygain_proposed_db, 1) AS replaygain_db
FROM album_loudness
WHERE loudness_lufs IS NOT NULL
ORDER BY loudness_lufs DESC, album, album_artist
LIMIT $limit;
