-- Pauses a queue.
-- arguments: 1 name, 2 now
-- result: one change if it was not paused
-- index: the primary key of marionette_queue
INSERT INTO marionette_queue (name, paused) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING
