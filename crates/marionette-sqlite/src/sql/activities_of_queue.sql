-- The latest activities that paused or resumed a queue.
-- arguments: 1 queue, 2 seq below which they are, 3 limit
-- result: seq, kind, at, by_name, by_via, queue, reason, jobs
-- index: marionette_activity_queue
SELECT seq, kind, at, by_name, by_via, queue, reason, jobs
FROM marionette_activity WHERE queue = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3
