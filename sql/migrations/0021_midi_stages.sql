-- Import and analysis are stages of their own: what import finds out is in midi_files.
ALTER TABLE midi_files ADD COLUMN note_hash VARCHAR;

UPDATE midi_files SET note_hash = midi_analysis.note_hash
FROM midi_analysis WHERE midi_analysis.sha256 = midi_files.sha256;

ALTER TABLE midi_analysis DROP COLUMN note_hash;

INSERT INTO ledger
SELECT 'midi.import', item, '1', status, attempts, error, not_before, result_hash, updated_at
FROM ledger WHERE task = 'midi.analyze';

-- Parts are renamed with the file that they were split from.
ALTER TABLE midi_renames ADD COLUMN track INTEGER;
ALTER TABLE midi_renames ADD COLUMN channel SMALLINT;
