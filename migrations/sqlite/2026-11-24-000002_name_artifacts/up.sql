-- Which artifacts the rows of a root run, or of a run below it, name. When the run is deleted its names stay, of no run: what
-- only such names have left is to be deleted where artifacts are kept.
CREATE TABLE run_artifacts (
    run_id   BLOB REFERENCES flow_runs (id) ON DELETE SET NULL,
    artifact TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX run_artifacts_run_id ON run_artifacts (run_id, artifact);
CREATE INDEX run_artifacts_artifact ON run_artifacts (artifact) WHERE run_id IS NOT NULL;

-- What was recorded before: `artifact:`, 64 hexadecimal digits, a full stop and an ending, anywhere in a text.
WITH RECURSIVE
    texts (run_id, text) AS (
        SELECT root_run_id, inputs FROM flow_runs
        UNION ALL SELECT root_run_id, outputs FROM flow_runs
        UNION ALL SELECT root_run_id, flow_metadata FROM flow_runs
        UNION ALL SELECT root_run_id, step.inputs FROM flow_step_runs AS step JOIN flow_runs AS run ON run.id = step.flow_run_id
        UNION ALL SELECT root_run_id, step.outputs FROM flow_step_runs AS step JOIN flow_runs AS run ON run.id = step.flow_run_id
        UNION ALL SELECT root_run_id, step_metadata FROM flow_step_runs AS step JOIN flow_runs AS run ON run.id = step.flow_run_id
        UNION ALL SELECT root_run_id, request FROM llm_requests JOIN flow_runs AS run ON run.id = flow_run_id
        UNION ALL SELECT root_run_id, response FROM llm_requests JOIN flow_runs AS run ON run.id = flow_run_id
    ),
    found (run_id, rest) AS (
        SELECT run_id, substr(text, instr(text, 'artifact:') + 9) FROM texts WHERE instr(text, 'artifact:') > 0
        UNION ALL
        SELECT run_id, substr(rest, instr(rest, 'artifact:') + 9) FROM found WHERE instr(rest, 'artifact:') > 0
    ),
    names (run_id, hash, ending) AS (
        SELECT run_id, substr(rest, 1, 64), substr(rest, 66, length(substr(rest, 66))
            - length(ltrim(substr(rest, 66), 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789')))
        FROM found WHERE substr(rest, 65, 1) = '.'
    )
INSERT OR IGNORE INTO run_artifacts (run_id, artifact)
    SELECT run_id, hash || '.' || ending FROM names
    WHERE length(hash) = 64 AND ltrim(hash, '0123456789abcdefABCDEF') = '' AND ending <> '';
