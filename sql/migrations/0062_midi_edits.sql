-- Files of the library that somebody edits there become contents of their own; sizes and times show which were touched.
ALTER TABLE midi_library ADD COLUMN edited_sha256 VARCHAR;
ALTER TABLE midi_library ADD COLUMN size_bytes BIGINT;
ALTER TABLE midi_library ADD COLUMN mtime_ns BIGINT;
