-- Whether an instance's lease holds, and whether somebody wants the job cancelled.
-- arguments: 1 seq, 2 token, 3 id, 4 instance
-- result: the reason of the cancellation or NULL; no row if it does not hold
-- index: the rowid of marionette_job
SELECT cancel FROM marionette_job
WHERE seq = ?1 AND token = ?2 AND state = 3 AND id = ?3 AND instance = ?4
