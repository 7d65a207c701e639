DROP INDEX flow_runs_taken;
DROP INDEX flow_runs_idempotency_key;
