-- How far the schedule of each flow has come: a tick up to last_tick is never started again.
CREATE TABLE flow_schedules (
    flow_name TEXT    NOT NULL PRIMARY KEY,
    begun_at  INTEGER NOT NULL, -- when a worker first saw the schedule; no tick before it is started
    last_tick INTEGER           -- NULL before the first
) STRICT;
