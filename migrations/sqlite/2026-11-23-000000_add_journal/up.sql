-- What a resumed run reads instead of executing it again, and where its rows came from.

ALTER TABLE flow_runs ADD COLUMN scope TEXT; -- where below its root it was called; NULL for a root

ALTER TABLE flow_step_runs ADD COLUMN hit_note TEXT;      -- what a replay noted when it took this row
-- Without foreign keys: the rows that these name may be deleted before this one.
ALTER TABLE flow_step_runs ADD COLUMN compared_with BLOB; -- the step run that miss_reason compares with
ALTER TABLE flow_step_runs ADD COLUMN origin_run_id BLOB; -- the run that recorded this output first, if it was another
ALTER TABLE flow_step_runs ADD COLUMN cache_key TEXT;
ALTER TABLE flow_step_runs ADD COLUMN previous_key TEXT;  -- the call_key, or scope, of what returned before this call

CREATE INDEX flow_step_runs_cache_key ON flow_step_runs (cache_key, completed_at) WHERE cache_key IS NOT NULL;

CREATE TABLE flow_forks (
    run_id      BLOB NOT NULL PRIMARY KEY REFERENCES flow_runs (id) ON DELETE CASCADE,
    forked_from BLOB NOT NULL, -- without a foreign key: a fork outlives its origin
    from_step   TEXT,
    model       TEXT,
    inherited_model TEXT -- of a fork of a fork that names none
) STRICT;
