-- Forgets a worker.
-- arguments: 1 id
-- result: at most one change
-- index: the primary key of marionette_worker
DELETE FROM marionette_worker WHERE id = ?1
