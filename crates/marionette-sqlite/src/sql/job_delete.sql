-- Forgets a job.
-- arguments: 1 seq
-- result: one change
-- index: the rowid of marionette_job
DELETE FROM marionette_job WHERE seq = ?1
