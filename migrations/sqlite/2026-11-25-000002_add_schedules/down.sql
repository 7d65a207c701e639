DROP TABLE flow_schedules;
