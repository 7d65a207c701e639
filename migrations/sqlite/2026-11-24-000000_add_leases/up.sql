-- A request is recorded although the start of its step was refused: another process had the run by then, and what was paid
-- is recorded. SQLite alters no column, so the table is made again.

-- Dropping the table clears what names its rows.
CREATE TABLE flow_engine_kept (id BLOB NOT NULL PRIMARY KEY, llm_request_id BLOB NOT NULL) STRICT;
INSERT INTO flow_engine_kept SELECT id, llm_request_id FROM flow_step_runs WHERE llm_request_id IS NOT NULL;

CREATE TABLE llm_requests_new (
    id                  BLOB    NOT NULL PRIMARY KEY,
    flow_run_id         BLOB    NOT NULL REFERENCES flow_runs (id) ON DELETE CASCADE,
    step_run_id         BLOB    REFERENCES flow_step_runs (id) ON DELETE CASCADE, -- NULL if its start was refused
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

INSERT INTO llm_requests_new SELECT * FROM llm_requests;
DROP TABLE llm_requests;
ALTER TABLE llm_requests_new RENAME TO llm_requests;

CREATE INDEX llm_requests_flow_run_id ON llm_requests (flow_run_id, created_at);
CREATE INDEX llm_requests_step_run_id ON llm_requests (step_run_id);

UPDATE flow_step_runs SET llm_request_id = kept.llm_request_id
    FROM flow_engine_kept AS kept WHERE kept.id = flow_step_runs.id;
DROP TABLE flow_engine_kept;
