-- When a waiting run is to go on without a signal.
ALTER TABLE flow_runs ADD COLUMN wake_at INTEGER;

-- What a worker asks for: a waiting run only when its time has come.
DROP INDEX flow_runs_running;
CREATE INDEX flow_runs_running ON flow_runs (priority DESC, id)
    WHERE status IN ('running', 'interrupted') AND execution_mode = 'background';
CREATE INDEX flow_runs_waiting ON flow_runs (wake_at)
    WHERE status = 'waiting' AND execution_mode = 'background' AND wake_at IS NOT NULL;

-- What was told to a run from outside.
CREATE TABLE flow_signals (
    id          BLOB    NOT NULL PRIMARY KEY,
    root_run_id BLOB    NOT NULL REFERENCES flow_runs (id) ON DELETE CASCADE,
    name        TEXT    NOT NULL,
    payload     TEXT    NOT NULL, -- JSON
    created_at  INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000000 AS INTEGER)),
    -- The step run that took it. Without a foreign key: the two may be written in one transaction in any order.
    taken_by    BLOB
) STRICT;

CREATE INDEX flow_signals_root_run_id ON flow_signals (root_run_id, id);
