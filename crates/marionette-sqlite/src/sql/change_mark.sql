-- Tells the instance of a job that somebody wants it cancelled.
-- arguments: 1 seq, 2 reason
-- result: one change
-- index: the rowid of marionette_job
UPDATE marionette_job SET cancel = ?2 WHERE seq = ?1
