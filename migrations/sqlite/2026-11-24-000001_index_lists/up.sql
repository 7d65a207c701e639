-- A page of any list of runs is read from one index, in the order of the list. An index for two filters is there for the
-- pairs that are asked for together: with one of the two, the other would be looked for row by row.
CREATE INDEX flow_runs_user_status ON flow_runs (user_id, status, id);
CREATE INDEX flow_runs_user_flow ON flow_runs (user_id, flow_name, id);
CREATE INDEX flow_runs_flow_status ON flow_runs (flow_name, status, id);

-- Lists of roots only: a root may have more sub-runs than there are other roots.
CREATE INDEX flow_runs_roots ON flow_runs (id) WHERE root_run_id = id;
CREATE INDEX flow_runs_roots_user ON flow_runs (user_id, id) WHERE root_run_id = id;
CREATE INDEX flow_runs_roots_flow ON flow_runs (flow_name, id) WHERE root_run_id = id;
CREATE INDEX flow_runs_roots_status ON flow_runs (status, id) WHERE root_run_id = id;

DROP INDEX flow_runs_parent_run_id;
CREATE INDEX flow_runs_parent_run_id ON flow_runs (parent_run_id, id) WHERE parent_run_id IS NOT NULL;

-- What a worker asks for, in its order. lease_until and last_heartbeat are not indexed: they change all the time.
DROP INDEX flow_runs_pending;
DROP INDEX flow_runs_running;
CREATE INDEX flow_runs_pending ON flow_runs (priority DESC, id, start_at, flow_name)
    WHERE status = 'pending' AND execution_mode = 'background';
CREATE INDEX flow_runs_running ON flow_runs (priority DESC, id)
    WHERE status IN ('running', 'waiting') AND execution_mode = 'background';

-- What is too old to be kept.
CREATE INDEX flow_runs_ended ON flow_runs (status, completed_at) WHERE root_run_id = id AND completed_at IS NOT NULL;
