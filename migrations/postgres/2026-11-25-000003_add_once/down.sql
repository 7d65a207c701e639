-- Earlier versions know no such status.
UPDATE flow_step_runs SET status = 'cancelled' WHERE status = 'in_doubt';
ALTER TABLE flow_step_runs DROP COLUMN once_key;
