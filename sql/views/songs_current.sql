-- The songs of the current set: of the sources of the latest build that are there.
CREATE OR REPLACE VIEW songs_current AS
SELECT songs.*
FROM songs
WHERE source_id IN (SELECT source_id FROM sources WHERE built_in = (SELECT max(built_in) FROM sources));
