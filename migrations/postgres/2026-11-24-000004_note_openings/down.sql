ALTER TABLE flow_runs DROP COLUMN opened_epoch;
