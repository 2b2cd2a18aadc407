-- The newest done job that has so many newer ones.
-- arguments: 1 how many are kept
-- result: ended, lane, seq
-- index: marionette_job_ended
SELECT ended, lane, seq FROM marionette_job INDEXED BY marionette_job_ended
WHERE state > 3 AND until IS NULL AND state = 4
ORDER BY ended DESC, lane DESC, seq DESC LIMIT 1 OFFSET ?1
