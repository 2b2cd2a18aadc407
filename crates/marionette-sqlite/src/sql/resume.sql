-- Ends a pause.
-- arguments: 1 name
-- result: one change if it was paused
-- index: the primary key of marionette_queue
DELETE FROM marionette_queue WHERE name = ?1
