-- Requests that a service works through in its own time: what was handed over together, and what is in it. An upload is
-- here, with its requests, before it leaves; `vendor_id` is what the service calls it.
CREATE TABLE batch_uploads (
    upload_id VARCHAR PRIMARY KEY,
    job VARCHAR NOT NULL,
    task VARCHAR NOT NULL,
    version VARCHAR NOT NULL,
    account VARCHAR NOT NULL,
    vendor_id VARCHAR,
    state VARCHAR NOT NULL CHECK (state IN ('planned', 'submitted', 'collected')),
    note VARCHAR,
    planned_at TIMESTAMP WITH TIME ZONE NOT NULL
);

CREATE TABLE batch_upload_parts (
    upload_id VARCHAR NOT NULL,
    request_id VARCHAR NOT NULL,
    position INTEGER NOT NULL,
    content_hashes VARCHAR[] NOT NULL
);
