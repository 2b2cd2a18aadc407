-- Ends a job whose row cannot be read.
-- arguments: 1 seq, 2 now, 3 reason
-- result: one change
-- index: the rowid of marionette_job
UPDATE marionette_job SET state = 7, ended = ?2, reason = ?3, end_kind = 'quarantined',
    cancel = NULL, until = NULL
WHERE seq = ?1
