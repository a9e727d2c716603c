-- Which bursts of the journal are in the store, so that none is merged twice. One whose file is gone is forgotten.
CREATE TABLE merged_bursts (
    burst_id VARCHAR PRIMARY KEY,
    merged_at TIMESTAMPTZ NOT NULL
);
