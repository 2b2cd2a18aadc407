-- Makes a worker known.
-- arguments: 1 id, 2 server, 3 process, 4 slots, 5 now
-- result: one change
-- index: the primary key of marionette_worker
INSERT INTO marionette_worker (id, server, process, slots, beat, since, seen)
VALUES (?1, ?2, ?3, ?4, 1, ?5, ?5)
