-- Makes an instance known.
-- arguments: 1 id, 2 server, 3 process, 4 workers, 5 now, 6 about
-- result: one change
-- index: the primary key of marionette_instance
INSERT INTO marionette_instance (id, server, process, workers, beat, since, seen, about)
VALUES (?1, ?2, ?3, ?4, 1, ?5, ?5, ?6)
