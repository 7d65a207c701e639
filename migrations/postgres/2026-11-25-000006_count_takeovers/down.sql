ALTER TABLE flow_runs DROP COLUMN takeover_steps;
ALTER TABLE flow_runs DROP COLUMN takeovers;
