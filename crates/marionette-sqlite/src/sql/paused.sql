-- The queues that are paused.
-- arguments: none
-- result: name, paused, by_name, by_via
-- index: a scan of marionette_queue, which has a row for each paused queue
SELECT name, paused, by_name, by_via FROM marionette_queue ORDER BY name
