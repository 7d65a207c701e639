-- Under which lease of its root a run was opened again last, by its epoch: a unit that is written a second time, because nobody
-- knows whether its commit succeeded, finds by it what it has written.
ALTER TABLE flow_runs ADD COLUMN opened_epoch INTEGER;
