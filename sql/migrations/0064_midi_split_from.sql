-- Parts of a copy that was edited in the library are those of the edit.
ALTER TABLE midi_library ADD COLUMN split_from VARCHAR;
