-- Where a job stands, to settle it or to take it from a worker that died.
-- arguments: 1 seq
-- result: id, token, settled, state, lane, due, failed, crashes, history, started, worker, cancel
-- index: the rowid of marionette_job
SELECT id, token, settled, state, lane, due, failed, crashes, history, started, worker, cancel
FROM marionette_job WHERE seq = ?1
