-- Requests without a step have no place in the table as it was.
DELETE FROM llm_requests WHERE step_run_id IS NULL;

CREATE TABLE flow_engine_kept (id BLOB NOT NULL PRIMARY KEY, llm_request_id BLOB NOT NULL) STRICT;
INSERT INTO flow_engine_kept SELECT id, llm_request_id FROM flow_step_runs WHERE llm_request_id IS NOT NULL;
CREATE TABLE flow_engine_requests AS SELECT * FROM llm_requests;
DROP TABLE llm_requests;

CREATE TABLE llm_requests (
    id                  BLOB    NOT NULL PRIMARY KEY,
    flow_run_id         BLOB    NOT NULL REFERENCES flow_runs (id) ON DELETE CASCADE,
    step_run_id         BLOB    NOT NULL REFERENCES flow_step_runs (id) ON DELETE CASCADE,
    attempt             INTEGER NOT NULL,
    status              TEXT    NOT NULL DEFAULT 'sent',
    provider            TEXT    NOT NULL,
    model               TEXT    NOT NULL, -- asked for
    model_served        TEXT,
    operation           TEXT    NOT NULL,
    prompt_id           TEXT,
    schema_hash         TEXT,
    request             TEXT,
    response            TEXT,
    finish_reason       TEXT,
    input_tokens        INTEGER,
    cached_tokens       INTEGER,
    output_tokens       INTEGER,
    reasoning_tokens    INTEGER,
    cost_nano_usd       INTEGER, -- NULL if the price is not known
    price_version       TEXT,
    latency_ms          INTEGER,
    http_status         INTEGER,
    provider_request_id TEXT,
    error_kind          TEXT,
    error_message       TEXT,
    created_at          INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000000 AS INTEGER)),
    completed_at        INTEGER
) STRICT;

CREATE INDEX llm_requests_flow_run_id ON llm_requests (flow_run_id, created_at);
CREATE INDEX llm_requests_step_run_id ON llm_requests (step_run_id);

INSERT INTO llm_requests SELECT * FROM flow_engine_requests;
DROP TABLE flow_engine_requests;
UPDATE flow_step_runs SET llm_request_id = kept.llm_request_id
    FROM flow_engine_kept AS kept WHERE kept.id = flow_step_runs.id;
DROP TABLE flow_engine_kept;
