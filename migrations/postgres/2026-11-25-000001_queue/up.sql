-- A key names one run of its flow: whoever brings it again finds that run.
CREATE UNIQUE INDEX flow_runs_idempotency_key ON flow_runs (flow_name, idempotency_key) WHERE idempotency_key IS NOT NULL;

-- Which background runs somebody has, to count those of a flow. lease_until is not indexed: it changes all the time.
CREATE INDEX flow_runs_taken ON flow_runs (flow_name) WHERE lease_owner IS NOT NULL AND execution_mode = 'background';
