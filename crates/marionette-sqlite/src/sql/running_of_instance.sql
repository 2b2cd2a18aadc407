-- The jobs that an instance has.
-- arguments: 1 instance, 2 limit
-- result: seq, token, started
-- index: marionette_job_running
SELECT seq, token, started FROM marionette_job INDEXED BY marionette_job_running
WHERE state = 3 AND instance = ?1 LIMIT ?2
