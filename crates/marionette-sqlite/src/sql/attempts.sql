-- The attempts of a job that are kept, the oldest first: never more than 25 if this library wrote them.
-- arguments: 1 job
-- result: number, started, ended, ran, outcome, error, instance
-- index: the primary key of marionette_attempt
SELECT number, started, ended, ran, outcome, error, instance
FROM marionette_attempt WHERE job = ?1 ORDER BY n LIMIT 64
