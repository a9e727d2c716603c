-- Batch jobs: what they are about, how short sounds measure, what was asked and answered. Whether an item is done in a
-- stage is in `ledger`, as of all work: its task is 'batch TASK', its item a content hash.
CREATE TABLE batch_jobs (
    job VARCHAR PRIMARY KEY,
    kind VARCHAR NOT NULL CHECK (kind IN ('files', 'rows', 'query')),
    source VARCHAR NOT NULL,
    request VARCHAR NOT NULL,
    status VARCHAR NOT NULL CHECK (status IN ('open', 'cancelled')),
    created_at TIMESTAMP WITH TIME ZONE NOT NULL
);

CREATE TABLE batch_stages (
    job VARCHAR NOT NULL,
    position INTEGER NOT NULL,
    task VARCHAR NOT NULL,
    engine VARCHAR NOT NULL CHECK (engine IN ('local', 'model')),
    version VARCHAR NOT NULL
);

CREATE TABLE batch_items (
    job VARCHAR NOT NULL,
    item INTEGER NOT NULL,
    name VARCHAR NOT NULL,
    content_hash VARCHAR,
    fields VARCHAR NOT NULL,
    size_bytes BIGINT,
    mtime_ns BIGINT,
    status VARCHAR NOT NULL CHECK (status IN ('ready', 'skipped')),
    reason VARCHAR
);

CREATE TABLE batch_sounds (
    content_hash VARCHAR NOT NULL,
    version INTEGER NOT NULL,
    format VARCHAR,
    duration_s DOUBLE,
    peak_dbfs DOUBLE,
    rms_dbfs DOUBLE,
    onsets INTEGER,
    centroid_hz DOUBLE,
    pitchedness DOUBLE,
    error VARCHAR
);

-- A request is here before it leaves. One without an outcome may have been paid for.
CREATE TABLE batch_requests (
    request_id VARCHAR NOT NULL,
    job VARCHAR NOT NULL,
    task VARCHAR NOT NULL,
    version VARCHAR NOT NULL,
    account VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    items INTEGER NOT NULL,
    tokens BIGINT NOT NULL,
    cost DOUBLE NOT NULL,
    sent_at TIMESTAMP WITH TIME ZONE NOT NULL
);

CREATE TABLE batch_outcomes (
    request_id VARCHAR NOT NULL,
    status VARCHAR NOT NULL CHECK (status IN ('answered', 'failed', 'unknown')),
    category VARCHAR,
    reason VARCHAR,
    prompt_tokens BIGINT,
    completion_tokens BIGINT,
    cost DOUBLE,
    ended_at TIMESTAMP WITH TIME ZONE NOT NULL
);

CREATE TABLE batch_answers (
    task VARCHAR NOT NULL,
    content_hash VARCHAR NOT NULL,
    version VARCHAR NOT NULL,
    engine VARCHAR NOT NULL CHECK (engine IN ('local', 'model')),
    answer VARCHAR NOT NULL,
    confidence DOUBLE,
    request_id VARCHAR
);
