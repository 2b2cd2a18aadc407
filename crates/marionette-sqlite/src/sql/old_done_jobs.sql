-- The done jobs up to one of them, the oldest first. Many may have ended at the same time.
-- arguments: 1 when it ended, 2 its lane, 3 its seq, 4 limit
-- result: seq
-- index: marionette_job_ended
SELECT seq FROM marionette_job INDEXED BY marionette_job_ended
WHERE state > 3 AND until IS NULL AND state = 4 AND (ended, lane, seq) <= (?1, ?2, ?3)
ORDER BY ended, lane, seq LIMIT ?4
