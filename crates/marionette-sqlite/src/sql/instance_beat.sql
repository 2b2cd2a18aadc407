-- A sign of life.
-- arguments: 1 id, 2 server, 3 process, 4 workers, 5 now
-- result: one change if the instance is known
-- index: the primary key of marionette_instance
UPDATE marionette_instance SET
    beat = CASE WHEN beat < 4611686018427387904 THEN beat + 1 ELSE 1 END,
    server = ?2, process = ?3, workers = ?4, seen = ?5
WHERE id = ?1
