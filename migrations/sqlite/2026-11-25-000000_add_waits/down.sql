-- Code of before knows no waiting runs, and resumes these.
UPDATE flow_runs SET status = 'interrupted' WHERE status = 'waiting';
DROP TABLE flow_signals;
DROP INDEX flow_runs_waiting;
DROP INDEX flow_runs_running;
CREATE INDEX flow_runs_running ON flow_runs (priority DESC, id)
    WHERE status IN ('running', 'waiting', 'interrupted') AND execution_mode = 'background';
ALTER TABLE flow_runs DROP COLUMN wake_at;
