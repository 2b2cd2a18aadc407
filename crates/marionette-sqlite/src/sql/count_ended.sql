-- The states and lanes of all jobs that have ended and are kept as the settings say.
-- arguments: none
-- result: state, lane for each job
-- index: marionette_job_ended
SELECT state, lane FROM marionette_job INDEXED BY marionette_job_ended
WHERE state > 3 AND until IS NULL
