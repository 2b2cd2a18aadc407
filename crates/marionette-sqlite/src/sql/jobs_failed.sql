-- Jobs that ended in a state without success, behind an id, newest first.
-- arguments: 1 state, 2 id, 3 limit
-- result: a job in full
-- index: marionette_job_failed
SELECT seq, id, state, lane, due, token, worker, started, ended, ran, failed, crashes, history,
    accepted, first_due, options, cancel, reason, result, payload
FROM marionette_job INDEXED BY marionette_job_failed
WHERE state > 4 AND state = ?1 AND id < ?2
ORDER BY id DESC LIMIT ?3
