-- The latest activities.
-- arguments: 1 seq below which they are, 2 limit
-- result: seq, kind, at, by_name, by_via, queue, reason, jobs
-- index: the rowid of marionette_activity
SELECT seq, kind, at, by_name, by_via, queue, reason, jobs
FROM marionette_activity WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2
