-- Ends a job that waits as cancelled.
-- arguments: 1 seq, 2 now, 3 reason
-- result: one change
-- index: the rowid of marionette_job
UPDATE marionette_job SET state = 6, ended = ?2, reason = ?3, end_kind = 'cancelled' WHERE seq = ?1
