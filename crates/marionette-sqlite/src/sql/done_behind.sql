-- When the newest done job ended that has so many newer ones.
-- arguments: 1 how many are kept
-- result: ended
-- index: marionette_job_ended
SELECT ended FROM marionette_job INDEXED BY marionette_job_ended
WHERE state > 3 AND until IS NULL AND state = 4
ORDER BY ended DESC LIMIT 1 OFFSET ?1
