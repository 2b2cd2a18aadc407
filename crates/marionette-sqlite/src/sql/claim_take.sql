-- Gives a job to an instance. The row keeps its size: it is overwritten in place.
-- arguments: 1 seq, 2 instance, 3 now, 4 token
-- result: one change
-- index: the rowid of marionette_job
UPDATE marionette_job SET state = 3, token = ?4, instance = ?2, started = ?3
WHERE seq = ?1
