DROP TABLE flow_forks;
DROP INDEX flow_step_runs_cache_key;
ALTER TABLE flow_step_runs DROP COLUMN previous_key;
ALTER TABLE flow_step_runs DROP COLUMN cache_key;
ALTER TABLE flow_step_runs DROP COLUMN origin_run_id;
ALTER TABLE flow_step_runs DROP COLUMN compared_with;
ALTER TABLE flow_step_runs DROP COLUMN hit_note;
ALTER TABLE flow_runs DROP COLUMN scope;
