-- What is known about a service from earlier runs: parked until, quota seen, batches refused or not.
CREATE TABLE service_state (
    service VARCHAR NOT NULL,
    account VARCHAR NOT NULL,
    key VARCHAR NOT NULL,
    value VARCHAR NOT NULL,
    PRIMARY KEY (service, account, key)
);
