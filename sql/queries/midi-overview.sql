-- title: MIDI library
-- description: The library in one row: paths, different files, near duplicates, parts, hours of music.
-- Missing paths are counted separately, and what only they had is left out.
WITH present AS (SELECT DISTINCT sha256 FROM midi_paths WHERE gone_at IS NULL)
SELECT
    (SELECT count(*) FROM midi_paths WHERE gone_at IS NULL) AS paths,
    (SELECT count(*) FROM midi_files SEMI JOIN present USING (sha256) WHERE valid) AS different_files,
    (SELECT count(*) FROM midi_files SEMI JOIN present USING (sha256) WHERE NOT valid) AS unreadable_files,
    (
        SELECT count(*) - count(DISTINCT fullest)
        FROM midi_near
        SEMI JOIN present USING (sha256)
    ) AS near_duplicates,
    (SELECT count(*) FROM midi_tracks SEMI JOIN present USING (sha256)) AS parts,
    (
        SELECT count(*)
        FROM midi_library
        SEMI JOIN present ON present.sha256 = coalesce(edited_sha256, split_from, midi_library.sha256)
    ) AS library_files,
    (
        -- Those whose time is damaged have no bars.
        SELECT round(sum(seconds) FILTER (WHERE bars IS NOT NULL) / 3600, 1)
        FROM midi_analysis
        SEMI JOIN present USING (sha256)
    ) AS hours,
    (SELECT sum(notes) FROM midi_analysis SEMI JOIN present USING (sha256)) AS notes,
    (SELECT count(*) FROM midi_paths WHERE gone_at IS NOT NULL) AS gone
