-- The same tables as in SQLite, in the types of PostgreSQL. They live in the schema flow_engine: the database is usually
-- the application's own. JSON is `json` and not `jsonb`: it reads back as the text it came in.

CREATE TABLE flow_runs (
    id                  uuid             NOT NULL PRIMARY KEY,
    user_id             uuid,
    flow_name           text             NOT NULL,
    status              text             NOT NULL DEFAULT 'pending',
    execution_mode      text             NOT NULL DEFAULT 'sync',
    current_step        text,
    step_progress       integer          NOT NULL DEFAULT 0,
    total_steps         integer,
    progress_percentage double precision NOT NULL DEFAULT 0.0,
    created_at          timestamptz      NOT NULL DEFAULT now(),
    started_at          timestamptz,
    completed_at        timestamptz,
    last_heartbeat      timestamptz,
    total_tokens        bigint           NOT NULL DEFAULT 0,
    total_cost          double precision NOT NULL DEFAULT 0.0, -- USD
    execution_time_ms   bigint,
    inputs              json             NOT NULL,
    outputs             json,
    flow_metadata       json,
    error_message       text,
    root_run_id         uuid             NOT NULL REFERENCES flow_runs (id) ON DELETE CASCADE, -- its own id for a root
    parent_run_id       uuid             REFERENCES flow_runs (id) ON DELETE CASCADE,
    flow_version        integer          NOT NULL DEFAULT 1,
    build               text,
    idempotency_key     text,
    priority            integer          NOT NULL DEFAULT 0,
    start_at            timestamptz,
    lease_owner         text,
    lease_epoch         bigint           NOT NULL DEFAULT 0,
    lease_until         timestamptz,
    unpriced_requests   bigint           NOT NULL DEFAULT 0,
    scope               text -- where below its root it was called; NULL for a root
) WITH (fillfactor = 85); -- room for new versions of a row on its own page: progress and leases change no index

-- Lists are ordered by id: a UUID v7 carries its time.
CREATE INDEX flow_runs_user_id ON flow_runs (user_id, id);
CREATE INDEX flow_runs_flow_name ON flow_runs (flow_name, id);
CREATE INDEX flow_runs_status ON flow_runs (status, id);
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
CREATE INDEX flow_runs_root_run_id ON flow_runs (root_run_id);
CREATE INDEX flow_runs_parent_run_id ON flow_runs (parent_run_id, id) WHERE parent_run_id IS NOT NULL;
-- What a worker asks for, in its order. lease_until and last_heartbeat are not indexed: they change all the time.
CREATE INDEX flow_runs_pending ON flow_runs (priority DESC, id, start_at, flow_name)
    WHERE status = 'pending' AND execution_mode = 'background';
CREATE INDEX flow_runs_running ON flow_runs (priority DESC, id)
    WHERE status IN ('running', 'waiting', 'interrupted') AND execution_mode = 'background';
-- What is too old to be kept.
CREATE INDEX flow_runs_ended ON flow_runs (status, completed_at) WHERE root_run_id = id AND completed_at IS NOT NULL;

CREATE TABLE flow_step_runs (
    id                uuid             NOT NULL PRIMARY KEY,
    flow_run_id       uuid             NOT NULL REFERENCES flow_runs (id) ON DELETE CASCADE,
    llm_request_id    uuid, -- refers to llm_requests, see below
    step_name         text             NOT NULL,
    step_order        integer          NOT NULL,
    status            text             NOT NULL DEFAULT 'pending',
    inputs            json             NOT NULL,
    outputs           json,
    step_metadata     json,
    tokens_used       bigint           NOT NULL DEFAULT 0,
    cost_estimate     double precision DEFAULT 0.0, -- USD; NULL if the price is not known
    execution_time_ms bigint,
    error_message     text,
    created_at        timestamptz      NOT NULL DEFAULT now(),
    completed_at      timestamptz,
    kind              text             NOT NULL DEFAULT 'task',
    call_key          text,
    key_algorithm     text,
    content_hash      text,
    schema_hash       text,
    code_hash         text,
    scope             text,
    miss_reason       text,
    hit_note          text, -- what a replay noted when it took this row
    -- Without foreign keys: the rows that these name may be deleted before this one.
    compared_with     uuid, -- the step run that miss_reason compares with
    origin_run_id     uuid, -- the run that recorded this output first, if it was another
    cache_key         text,
    previous_key      text  -- the call_key, or scope, of what returned before this call
);

CREATE INDEX flow_step_runs_flow_run_id ON flow_step_runs (flow_run_id, step_order);
CREATE INDEX flow_step_runs_llm_request_id ON flow_step_runs (llm_request_id) WHERE llm_request_id IS NOT NULL;
CREATE INDEX flow_step_runs_cache_key ON flow_step_runs (cache_key, completed_at) WHERE cache_key IS NOT NULL;

CREATE TABLE llm_requests (
    id                  uuid        NOT NULL PRIMARY KEY,
    flow_run_id         uuid        NOT NULL REFERENCES flow_runs (id) ON DELETE CASCADE,
    step_run_id         uuid        REFERENCES flow_step_runs (id) ON DELETE CASCADE, -- NULL if its start was refused
    attempt             integer     NOT NULL,
    status              text        NOT NULL DEFAULT 'sent',
    provider            text        NOT NULL,
    model               text        NOT NULL, -- asked for
    model_served        text,
    operation           text        NOT NULL,
    prompt_id           text,
    schema_hash         text,
    request             json,
    response            text,
    finish_reason       text,
    input_tokens        bigint,
    cached_tokens       bigint,
    output_tokens       bigint,
    reasoning_tokens    bigint,
    cost_nano_usd       bigint, -- NULL if the price is not known
    price_version       text,
    latency_ms          bigint,
    http_status         integer,
    provider_request_id text,
    error_kind          text,
    error_message       text,
    created_at          timestamptz NOT NULL DEFAULT now(),
    completed_at        timestamptz
);

CREATE INDEX llm_requests_flow_run_id ON llm_requests (flow_run_id, created_at);
CREATE INDEX llm_requests_step_run_id ON llm_requests (step_run_id);

-- Deferred: a step run and its attempt refer to each other, and may be written in one transaction in any order.
ALTER TABLE flow_step_runs ADD CONSTRAINT flow_step_runs_llm_request_id_fkey
    FOREIGN KEY (llm_request_id) REFERENCES llm_requests (id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE flow_forks (
    run_id          uuid NOT NULL PRIMARY KEY REFERENCES flow_runs (id) ON DELETE CASCADE,
    forked_from     uuid NOT NULL, -- without a foreign key: a fork outlives its origin
    from_step       text,
    model           text,
    inherited_model text -- of a fork of a fork that names none
);

-- Which artifacts the rows of a root run, or of a run below it, name. When the run is deleted its names stay, of no run: what
-- only such names have left is to be deleted where artifacts are kept. Their order is that of their bytes.
CREATE TABLE run_artifacts (
    run_id   uuid REFERENCES flow_runs (id) ON DELETE SET NULL,
    artifact text NOT NULL COLLATE "C"
);
CREATE UNIQUE INDEX run_artifacts_run_id ON run_artifacts (run_id, artifact);
CREATE INDEX run_artifacts_artifact ON run_artifacts (artifact) WHERE run_id IS NOT NULL;

-- lz4 compresses long values twice as fast as what is the default; not every server was built with it, and none below 14.
DO $$
DECLARE
    wide text[];
BEGIN
    FOREACH wide SLICE 1 IN ARRAY ARRAY[
        ['flow_runs', 'inputs'], ['flow_runs', 'outputs'], ['flow_runs', 'flow_metadata'],
        ['flow_step_runs', 'inputs'], ['flow_step_runs', 'outputs'], ['flow_step_runs', 'step_metadata'],
        ['llm_requests', 'request'], ['llm_requests', 'response']
    ] LOOP
        EXECUTE format('ALTER TABLE %I ALTER COLUMN %I SET COMPRESSION lz4', wide[1], wide[2]);
    END LOOP;
EXCEPTION
    WHEN feature_not_supported OR invalid_parameter_value OR syntax_error THEN NULL;
END
$$;
