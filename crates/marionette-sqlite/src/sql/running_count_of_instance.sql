-- How many jobs an instance has.
-- arguments: 1 instance
-- result: the count
-- index: marionette_job_running
SELECT count(*) FROM marionette_job INDEXED BY marionette_job_running
WHERE state = 3 AND instance = ?1
