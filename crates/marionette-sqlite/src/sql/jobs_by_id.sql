-- Jobs of any state behind an id, newest first.
-- arguments: 1 id, 2 limit
-- result: a job in full
-- index: sqlite_autoindex_marionette_job_1
SELECT seq, id, state, lane, due, token, worker, started, ended, ran, failed, crashes, history,
    accepted, first_due, options, cancel, reason, result, payload
FROM marionette_job
WHERE id < ?1
ORDER BY id DESC LIMIT ?2
