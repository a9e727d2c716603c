-- What decoding shows of a recording, beside its description.
ALTER TABLE sonic_features ADD COLUMN declared_s DOUBLE;
ALTER TABLE sonic_features ADD COLUMN is_cut BOOLEAN;
ALTER TABLE sonic_features ADD COLUMN damaged_packets INTEGER;
ALTER TABLE sonic_features ADD COLUMN not_finite_share FLOAT;
ALTER TABLE sonic_features ADD COLUMN checksum_matches BOOLEAN;
ALTER TABLE sonic_features ADD COLUMN is_lossless BOOLEAN;
ALTER TABLE sonic_features ADD COLUMN silent_share FLOAT;
ALTER TABLE sonic_features ADD COLUMN clipped_share FLOAT;
ALTER TABLE sonic_features ADD COLUMN mono_db FLOAT;
ALTER TABLE sonic_features ADD COLUMN cutoff_hz FLOAT;

-- More kinds of files are known, and fewer refused: the next scan looks at these again.
DELETE FROM files WHERE kind IS NULL OR problem IS NOT NULL;
