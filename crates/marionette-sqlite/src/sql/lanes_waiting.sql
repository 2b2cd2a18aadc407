-- The lanes in which a job waits, found by one search of the index for each.
-- arguments: none
-- result: lane
-- index: marionette_job_waiting
WITH RECURSIVE waiting (lane) AS (
    SELECT (
        SELECT lane FROM marionette_job INDEXED BY marionette_job_waiting
        WHERE state = 2 ORDER BY lane LIMIT 1
    )
    UNION ALL
    SELECT (
        SELECT lane FROM marionette_job INDEXED BY marionette_job_waiting
        WHERE state = 2 AND lane > waiting.lane ORDER BY lane LIMIT 1
    ) FROM waiting WHERE waiting.lane IS NOT NULL
)
SELECT lane FROM waiting WHERE lane IS NOT NULL
