-- One job in full.
-- arguments: 1 id
-- result: a job in full
-- index: sqlite_autoindex_marionette_job_1
SELECT seq, id, state, lane, due, token, instance, started, ended, ran, failed, crashes, history,
    accepted, first_due, options, cancel, reason, result, payload, end_kind
FROM marionette_job
WHERE id = ?1
