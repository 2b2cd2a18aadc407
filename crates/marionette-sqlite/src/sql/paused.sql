-- The queues that are paused.
-- arguments: none
-- result: name
-- index: a scan of marionette_queue, which has a row for each paused queue
SELECT name FROM marionette_queue ORDER BY name
