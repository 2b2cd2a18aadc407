-- All workers.
-- arguments: none
-- result: id, server, process, slots, beat, since, seen
-- index: a scan of marionette_worker, which has a row for each process
SELECT id, server, process, slots, beat, since, seen FROM marionette_worker ORDER BY id
