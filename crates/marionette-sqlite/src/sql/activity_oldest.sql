-- The oldest activities.
-- arguments: 1 limit
-- result: seq, at
-- index: the rowid of marionette_activity
SELECT seq, at FROM marionette_activity WHERE seq > 0 ORDER BY seq LIMIT ?1
