-- Whether an instance is known.
-- arguments: 1 id
-- result: a row if it is
-- index: the primary key of marionette_instance
SELECT 1 FROM marionette_instance WHERE id = ?1
