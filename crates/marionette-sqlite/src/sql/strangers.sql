-- Who has jobs and is not among the workers, found by one search of the index for each.
-- arguments: none
-- result: worker
-- index: marionette_job_running
WITH RECURSIVE holder (worker) AS (
    SELECT (
        SELECT worker FROM marionette_job INDEXED BY marionette_job_running
        WHERE state = 3 ORDER BY worker LIMIT 1
    )
    UNION ALL
    SELECT (
        SELECT worker FROM marionette_job INDEXED BY marionette_job_running
        WHERE state = 3 AND worker > holder.worker ORDER BY worker LIMIT 1
    ) FROM holder WHERE holder.worker IS NOT NULL
)
SELECT worker FROM holder
WHERE worker IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM marionette_worker WHERE marionette_worker.id = holder.worker
)
