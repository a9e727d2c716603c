-- Runs that write in bursts: which bursts of the journal are in the store, so that none is merged twice. One whose
-- file is gone is forgotten.
CREATE TABLE merged_bursts (
    burst_id VARCHAR PRIMARY KEY,
    merged_at TIMESTAMPTZ NOT NULL
);

-- A run has its number before it can write, so it takes the next one itself.
ALTER TABLE runs ALTER run_id DROP DEFAULT;
DROP SEQUENCE run_ids;
