-- Forgets an instance.
-- arguments: 1 id
-- result: at most one change
-- index: the primary key of marionette_instance
DELETE FROM marionette_instance WHERE id = ?1
