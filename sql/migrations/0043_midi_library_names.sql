-- Names that may clash were looked up by it for every transaction; a run knows the names of the library now.
ALTER TABLE midi_library DROP COLUMN base;
