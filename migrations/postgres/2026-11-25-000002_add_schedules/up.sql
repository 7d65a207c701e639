-- How far the schedule of each flow has come: a tick up to last_tick is never started again.
CREATE TABLE flow_schedules (
    flow_name text        NOT NULL PRIMARY KEY,
    begun_at  timestamptz NOT NULL, -- when a worker first saw the schedule; no tick before it is started
    last_tick timestamptz           -- NULL before the first
);
