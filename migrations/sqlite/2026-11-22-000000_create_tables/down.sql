-- The attempts and the step runs refer to each other: without rows, the order is free.
DELETE FROM flow_runs;
DROP TABLE llm_requests;
DROP TABLE flow_step_runs;
DROP TABLE flow_runs;
