-- The lanes of all jobs that run.
-- arguments: none
-- result: a lane for each job
-- index: marionette_job_running
SELECT lane FROM marionette_job INDEXED BY marionette_job_running WHERE state = 3
