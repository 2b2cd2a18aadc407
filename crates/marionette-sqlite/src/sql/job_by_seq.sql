-- One job in full, by its place.
-- arguments: 1 seq
-- result: a job in full
-- index: the rowid of marionette_job
SELECT seq, id, state, lane, due, token, instance, started, ended, ran, failed, crashes, history,
    accepted, first_due, options, cancel, reason, result, payload, end_kind
FROM marionette_job
WHERE seq = ?1
