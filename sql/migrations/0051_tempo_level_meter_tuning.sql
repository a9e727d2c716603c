-- How likely the level of a tempo is, beats to the bar, and how far a recording is tuned from 440 Hz.
ALTER TABLE sonic_features ADD COLUMN bpm_level_confidence FLOAT;
ALTER TABLE sonic_features ADD COLUMN meter TINYINT;
ALTER TABLE sonic_features ADD COLUMN meter_confidence FLOAT;
ALTER TABLE sonic_features ADD COLUMN tuning_cents FLOAT;
