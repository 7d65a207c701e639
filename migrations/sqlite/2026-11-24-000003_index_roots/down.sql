DROP INDEX flow_runs_roots_flow_status;
DROP INDEX flow_runs_roots_user_flow;
DROP INDEX flow_runs_roots_user_status;
