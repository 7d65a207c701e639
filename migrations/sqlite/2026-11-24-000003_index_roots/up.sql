-- Lists of roots by two filters, which are most of what is shown to people: with one of the two, or with an index that holds
-- sub-runs too, the rest would be looked for row by row.
CREATE INDEX flow_runs_roots_user_status ON flow_runs (user_id, status, id) WHERE root_run_id = id;
CREATE INDEX flow_runs_roots_user_flow ON flow_runs (user_id, flow_name, id) WHERE root_run_id = id;
CREATE INDEX flow_runs_roots_flow_status ON flow_runs (flow_name, status, id) WHERE root_run_id = id;
