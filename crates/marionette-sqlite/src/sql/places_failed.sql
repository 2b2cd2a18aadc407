-- The places of jobs that ended in a state without success, behind an id, newest first.
-- arguments: 1 state, 2 id, 3 limit
-- result: seq, id
-- index: marionette_job_failed
SELECT seq, id FROM marionette_job INDEXED BY marionette_job_failed
WHERE state > 4 AND state = ?1 AND id < ?2 AND id >= x''
ORDER BY id DESC LIMIT ?3
