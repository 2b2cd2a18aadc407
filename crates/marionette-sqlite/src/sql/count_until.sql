-- The lanes of all done jobs that said how long they are kept.
-- arguments: none
-- result: a lane for each job
-- index: marionette_job_until
SELECT lane FROM marionette_job INDEXED BY marionette_job_until WHERE until IS NOT NULL
