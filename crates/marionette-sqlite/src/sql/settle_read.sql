-- Where a job stands, to settle it or to take it from an instance that died.
-- arguments: 1 seq
-- result: id, token, settled, state, lane, due, failed, crashes, history, started, instance, cancel
-- index: the rowid of marionette_job
SELECT id, token, settled, state, lane, due, failed, crashes, history, started, instance, cancel
FROM marionette_job WHERE seq = ?1
