-- Lists of roots only. PostgreSQL has no statistics of `root_run_id = id`, and takes roots to be one run in two hundred, which
-- are then sorted; it knows how many runs have no parent.
DROP INDEX flow_runs_roots;
DROP INDEX flow_runs_roots_user;
DROP INDEX flow_runs_roots_flow;
DROP INDEX flow_runs_roots_status;
CREATE INDEX flow_runs_roots ON flow_runs (id) WHERE parent_run_id IS NULL;
CREATE INDEX flow_runs_roots_user ON flow_runs (user_id, id) WHERE parent_run_id IS NULL;
CREATE INDEX flow_runs_roots_flow ON flow_runs (flow_name, id) WHERE parent_run_id IS NULL;
CREATE INDEX flow_runs_roots_status ON flow_runs (status, id) WHERE parent_run_id IS NULL;

-- By two filters, too: with one of the two, or with an index that holds sub-runs, the rest would be looked for row by row.
CREATE INDEX flow_runs_roots_user_status ON flow_runs (user_id, status, id) WHERE parent_run_id IS NULL;
CREATE INDEX flow_runs_roots_user_flow ON flow_runs (user_id, flow_name, id) WHERE parent_run_id IS NULL;
CREATE INDEX flow_runs_roots_flow_status ON flow_runs (flow_name, status, id) WHERE parent_run_id IS NULL;
