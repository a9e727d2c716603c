-- Parts have chords of their own, and files in the library the hash of what was written there.
ALTER TABLE midi_part_analysis ADD COLUMN chords VARCHAR[];
ALTER TABLE midi_part_analysis ADD COLUMN chord_beats INTEGER[];
ALTER TABLE midi_part_analysis ADD COLUMN distinct_chords INTEGER;
ALTER TABLE midi_library ADD COLUMN content_sha256 VARCHAR;
