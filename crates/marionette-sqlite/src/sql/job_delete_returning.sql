-- Forgets a job, and tells which it was.
-- arguments: 1 seq
-- result: id
-- index: the rowid of marionette_job
DELETE FROM marionette_job WHERE seq = ?1 RETURNING id
