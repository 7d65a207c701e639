-- Whether who executes a run was asked to pause it, and has not yet: a boolean.
ALTER TABLE flow_runs ADD COLUMN pause_requested INTEGER NOT NULL DEFAULT 0;
