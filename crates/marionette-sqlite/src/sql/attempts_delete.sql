-- Forgets the history of a job.
-- arguments: 1 job
-- result: the number of attempts
-- index: the primary key of marionette_attempt
DELETE FROM marionette_attempt WHERE job = ?1
