-- Ends a job whose first attempt succeeded, if the lease holds.
-- arguments: 1 seq, 2 token, 3 id, 4 now, 5 seconds it ran, 6 result, 7 instance
-- result: one change if the lease holds and the job has no history
-- index: the rowid of marionette_job
UPDATE marionette_job SET state = 4, settled = ?2, ended = ?4, ran = ?5, result = ?6, until = ?4 + keep
WHERE seq = ?1 AND token = ?2 AND state = 3 AND id = ?3 AND instance = ?7
    AND history = 0
