-- Pauses a queue.
-- arguments: 1 name, 2 now, 3 name of who pauses it, 4 via
-- result: one change if it was not paused
-- index: the primary key of marionette_queue
INSERT INTO marionette_queue (name, paused, by_name, by_via) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (name) DO NOTHING
