-- A sign of life.
-- arguments: 1 id, 2 server, 3 process, 4 slots, 5 now
-- result: one change if the worker is known
-- index: the primary key of marionette_worker
UPDATE marionette_worker SET beat = CASE WHEN beat < 4611686018427387904 THEN beat + 1 ELSE 1 END, server = ?2, process = ?3, slots = ?4, seen = ?5
WHERE id = ?1
