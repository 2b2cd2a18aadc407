-- Lets a job wait again.
-- arguments: 1 seq, 2 lane, 3 due, 4 settled, 5 failed, 6 crashes, 7 history
-- result: one change
-- index: the rowid of marionette_job
UPDATE marionette_job SET state = 2, lane = ?2, due = ?3, settled = ?4, failed = ?5, crashes = ?6,
    history = ?7, cancel = NULL
WHERE seq = ?1
