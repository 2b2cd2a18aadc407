-- Notes a change that somebody made.
-- arguments: 1 kind, 2 now, 3 name, 4 via, 5 queue, 6 reason
-- result: one change
-- index: the rowid of marionette_activity
INSERT INTO marionette_activity (kind, at, by_name, by_via, queue, reason, jobs)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0)
