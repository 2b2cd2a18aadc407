-- Forgets one attempt between the first ones and the last ones.
-- arguments: 1 job, 2 n
-- result: at most one change
-- index: the primary key of marionette_attempt
DELETE FROM marionette_attempt WHERE job = ?1 AND n = ?2
