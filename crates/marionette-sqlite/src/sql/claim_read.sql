-- What an instance needs to know of a job.
-- arguments: 1 seq
-- result: id, token, failed, crashes, history, due, first_due, options, payload, started
-- index: the rowid of marionette_job
SELECT id, token, failed, crashes, history, due, first_due, options, payload, started
FROM marionette_job WHERE seq = ?1 AND state = 2
