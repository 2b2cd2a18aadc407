-- Forgets activities up to one.
-- arguments: 1 seq
-- result: a change for each
-- index: the rowid of marionette_activity
DELETE FROM marionette_activity WHERE seq <= ?1
