ALTER TABLE flow_runs DROP COLUMN pause_requested;
