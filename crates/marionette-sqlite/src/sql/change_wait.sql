-- Makes a job wait for a time: one that waits, or one that ended and begins anew.
-- arguments: 1 seq, 2 lane, 3 due, 4 first_due, 5 failed, 6 crashes
-- result: one change
-- index: the rowid of marionette_job
UPDATE marionette_job SET state = 2, lane = ?2, due = ?3, first_due = ?4, failed = ?5,
    crashes = ?6, reason = NULL, end_kind = NULL, cancel = NULL, until = NULL
WHERE seq = ?1
