-- Adds to the number of jobs that somebody changed.
-- arguments: 1 seq, 2 jobs
-- result: one change, unless the activity is gone
-- index: the rowid of marionette_activity
UPDATE marionette_activity SET jobs = jobs + ?2 WHERE seq = ?1
