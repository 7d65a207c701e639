DROP TABLE run_artifacts;
DROP TABLE flow_forks;
-- The attempts and the step runs refer to each other.
DROP TABLE llm_requests, flow_step_runs;
DROP TABLE flow_runs;
