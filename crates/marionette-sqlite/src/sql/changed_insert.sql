-- Notes that an activity changed a job.
-- arguments: 1 job, 2 activity
-- result: one change
-- index: the primary key of marionette_changed
INSERT INTO marionette_changed (job, activity) VALUES (?1, ?2) ON CONFLICT DO NOTHING
