-- Sources are known by their content; songs keep what their file says beside the ten known columns.
ALTER TABLE sources ADD COLUMN content_hash VARCHAR;
ALTER TABLE sources ADD COLUMN content_bytes BIGINT;

ALTER TABLE songs ADD COLUMN artist VARCHAR;
ALTER TABLE songs ADD COLUMN title VARCHAR;
ALTER TABLE songs ADD COLUMN extra JSON USING COMPRESSION zstd;

-- Items were paths, and are hashes of contents now: earlier files are analyzed once more when they are built again.
DELETE FROM ledger WHERE task = 'data3';
