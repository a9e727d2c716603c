-- The current set: the sources of the latest build, whether it analyzed them or took their harmony from the store.
ALTER TABLE sources ADD COLUMN built_in BIGINT;
UPDATE sources SET built_in = run_id;
