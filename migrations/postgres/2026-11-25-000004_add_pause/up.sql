-- Whether who executes a run was asked to pause it, and has not yet.
ALTER TABLE flow_runs ADD COLUMN pause_requested BOOLEAN NOT NULL DEFAULT FALSE;
