-- What the effect of a `once` step is known by in its root run: such a step is not executed again by itself.
ALTER TABLE flow_step_runs ADD COLUMN once_key text;
