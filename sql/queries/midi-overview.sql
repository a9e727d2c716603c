-- title: MIDI library
-- description: The library in one row: paths, different files, near duplicates, parts, hours of music.
SELECT
    (SELECT count(*) FROM midi_paths) AS paths,
    (SELECT count(*) FROM midi_files WHERE valid) AS different_files,
    (SELECT count(*) FROM midi_files WHERE NOT valid) AS unreadable_files,
    (SELECT count(note_hash) - count(DISTINCT note_hash) FROM midi_files) AS near_duplicates,
    (SELECT count(*) FROM midi_tracks) AS parts,
    (SELECT count(*) FROM midi_library) AS library_files,
    (SELECT round(sum(seconds) / 3600, 1) FROM midi_analysis) AS hours,
    (SELECT sum(notes) FROM midi_analysis) AS notes
