-- How often a run was taken over from a process that was gone, without the end of a step in between.
ALTER TABLE flow_runs ADD COLUMN takeovers integer NOT NULL DEFAULT 0;
-- How many steps below it had ended when it was taken over the last time.
ALTER TABLE flow_runs ADD COLUMN takeover_steps integer NOT NULL DEFAULT 0;
