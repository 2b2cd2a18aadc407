-- All instances.
-- arguments: none
-- result: id, server, process, workers, beat, since, seen, about
-- index: a scan of marionette_instance, which has a row for each process
SELECT id, server, process, workers, beat, since, seen, about FROM marionette_instance ORDER BY id
