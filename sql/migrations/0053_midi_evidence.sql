-- Where tempo and key of a file are from, and the tempo that is heard in it; damaged metas leave none.
ALTER TABLE midi_analysis ALTER COLUMN bpm DROP NOT NULL;
ALTER TABLE midi_analysis ALTER COLUMN bpm_mean DROP NOT NULL;
ALTER TABLE midi_analysis ALTER COLUMN bpm_min DROP NOT NULL;
ALTER TABLE midi_analysis ALTER COLUMN bpm_max DROP NOT NULL;
ALTER TABLE midi_analysis ALTER COLUMN bars DROP NOT NULL;
ALTER TABLE midi_analysis ADD COLUMN bpm_heard DOUBLE;
ALTER TABLE midi_analysis ADD COLUMN bpm_heard_confidence DOUBLE;
ALTER TABLE midi_analysis ADD COLUMN key_source VARCHAR;

-- What parts play, and what the one part of a file plays.
ALTER TABLE midi_tracks ADD COLUMN role VARCHAR;
ALTER TABLE midi_tracks ADD COLUMN role_confidence DOUBLE;
ALTER TABLE midi_analysis ADD COLUMN role VARCHAR;
ALTER TABLE midi_analysis ADD COLUMN role_confidence DOUBLE;
