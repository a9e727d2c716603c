-- Runs, rejects and the ledger: what was done, what was refused, what is still to do.
CREATE SEQUENCE run_ids;

CREATE TABLE runs (
    run_id BIGINT PRIMARY KEY DEFAULT nextval('run_ids'),
    command VARCHAR NOT NULL,
    arguments JSON NOT NULL,
    version VARCHAR NOT NULL,
    pid INTEGER NOT NULL,
    started_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ,
    status VARCHAR NOT NULL CHECK (status IN ('running', 'done', 'failed', 'interrupted', 'parked')),
    items_in BIGINT,
    items_out BIGINT,
    items_rejected BIGINT,
    wall_s DOUBLE,
    cpu_s DOUBLE,
    stage_s JSON,
    error VARCHAR
);

CREATE TABLE rejects (
    run_id BIGINT NOT NULL,
    source VARCHAR NOT NULL,
    line BIGINT,
    stage VARCHAR NOT NULL,
    category VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    raw VARCHAR
);

CREATE TABLE ledger (
    task VARCHAR NOT NULL,
    item VARCHAR NOT NULL,
    version VARCHAR NOT NULL,
    status VARCHAR NOT NULL CHECK (status IN ('done', 'failed', 'skipped', 'parked')),
    attempts INTEGER NOT NULL,
    error VARCHAR,
    not_before TIMESTAMPTZ,
    result_hash VARCHAR,
    updated_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (task, item, version)
);
