-- One row per part: what it is, with tempo, metre, key and chords of its file, and its name in the library.
CREATE OR REPLACE VIEW midi_parts AS
SELECT
    tracks.*,
    part.* EXCLUDE (sha256, track, channel),
    analysis.bpm,
    analysis.bpm_confidence,
    analysis.numerator,
    analysis.denominator,
    analysis.key AS song_key,
    analysis.chords AS song_chords,
    analysis.parts,
    paths.path,
    -- The one part of a file is the file.
    coalesce(own.folder || '/' || own.name, whole.library_name) AS library_name
FROM midi_tracks AS tracks
JOIN midi_part_analysis AS part USING (sha256, track, channel)
JOIN midi_analysis AS analysis USING (sha256)
JOIN (
    SELECT sha256, min(path) AS path FROM midi_paths WHERE gone_at IS NULL GROUP BY sha256
) AS paths USING (sha256)
LEFT JOIN midi_library AS own
    ON coalesce(own.split_from, own.sha256) = tracks.sha256 AND own.track = tracks.track AND own.channel = tracks.channel
    AND own.edited_sha256 IS NULL
LEFT JOIN (
    SELECT coalesce(edited_sha256, sha256) AS sha256, min(folder || '/' || name) AS library_name
    FROM midi_library
    WHERE track IS NULL OR edited_sha256 IS NOT NULL
    GROUP BY ALL
) AS whole ON whole.sha256 = tracks.sha256 AND analysis.parts = 1;
