-- Ids are UUIDs in 16 bytes, times are microseconds since 1970 in UTC, JSON is text.
-- In the sqlite3 shell: SELECT lower(hex(id)), datetime(created_at / 1000000, 'unixepoch'), inputs ->> 'topic' FROM flow_runs;

CREATE TABLE flow_runs (
    id                  BLOB    NOT NULL PRIMARY KEY,
    user_id             BLOB,
    flow_name           TEXT    NOT NULL,
    status              TEXT    NOT NULL DEFAULT 'pending',
    execution_mode      TEXT    NOT NULL DEFAULT 'sync',
    current_step        TEXT,
    step_progress       INTEGER NOT NULL DEFAULT 0,
    total_steps         INTEGER,
    progress_percentage REAL    NOT NULL DEFAULT 0.0,
    created_at          INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000000 AS INTEGER)),
    started_at          INTEGER,
    completed_at        INTEGER,
    last_heartbeat      INTEGER,
    total_tokens        INTEGER NOT NULL DEFAULT 0,
    total_cost          REAL    NOT NULL DEFAULT 0.0, -- USD
    execution_time_ms   INTEGER,
    inputs              TEXT    NOT NULL,
    outputs             TEXT,
    flow_metadata       TEXT,
    error_message       TEXT,
    root_run_id         BLOB    NOT NULL REFERENCES flow_runs (id) ON DELETE CASCADE, -- its own id for a root
    parent_run_id       BLOB    REFERENCES flow_runs (id) ON DELETE CASCADE,
    flow_version        INTEGER NOT NULL DEFAULT 1,
    build               TEXT,
    idempotency_key     TEXT,
    priority            INTEGER NOT NULL DEFAULT 0,
    start_at            INTEGER,
    lease_owner         TEXT,
    lease_epoch         INTEGER NOT NULL DEFAULT 0,
    lease_until         INTEGER,
    unpriced_requests   INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Lists are ordered by id: a UUID v7 carries its time.
CREATE INDEX flow_runs_user_id ON flow_runs (user_id, id);
CREATE INDEX flow_runs_flow_name ON flow_runs (flow_name, id);
CREATE INDEX flow_runs_status ON flow_runs (status, id);
-- What a worker looks for, however many runs are finished. last_heartbeat is not indexed: it changes all the time.
CREATE INDEX flow_runs_pending ON flow_runs (id) WHERE status = 'pending';
CREATE INDEX flow_runs_running ON flow_runs (id) WHERE status = 'running';
CREATE INDEX flow_runs_root_run_id ON flow_runs (root_run_id);
CREATE INDEX flow_runs_parent_run_id ON flow_runs (parent_run_id) WHERE parent_run_id IS NOT NULL;

CREATE TABLE flow_step_runs (
    id                BLOB    NOT NULL PRIMARY KEY,
    flow_run_id       BLOB    NOT NULL REFERENCES flow_runs (id) ON DELETE CASCADE,
    -- Deferred: a step run and its attempt refer to each other, and may be written in one transaction in any order.
    llm_request_id    BLOB    REFERENCES llm_requests (id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED,
    step_name         TEXT    NOT NULL,
    step_order        INTEGER NOT NULL,
    status            TEXT    NOT NULL DEFAULT 'pending',
    inputs            TEXT    NOT NULL,
    outputs           TEXT,
    step_metadata     TEXT,
    tokens_used       INTEGER NOT NULL DEFAULT 0,
    cost_estimate     REAL    DEFAULT 0.0, -- USD; NULL if the price is not known
    execution_time_ms INTEGER,
    error_message     TEXT,
    created_at        INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000000 AS INTEGER)),
    completed_at      INTEGER,
    kind              TEXT    NOT NULL DEFAULT 'task',
    call_key          TEXT,
    key_algorithm     TEXT,
    content_hash      TEXT,
    schema_hash       TEXT,
    code_hash         TEXT,
    scope             TEXT,
    miss_reason       TEXT
) STRICT;

CREATE INDEX flow_step_runs_flow_run_id ON flow_step_runs (flow_run_id, step_order);
CREATE INDEX flow_step_runs_llm_request_id ON flow_step_runs (llm_request_id) WHERE llm_request_id IS NOT NULL;

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
