-- Who has jobs and is not among the instances, found by one search of the index for each.
-- arguments: none
-- result: instance
-- index: marionette_job_running
WITH RECURSIVE holder (instance) AS (
    SELECT (
        SELECT instance FROM marionette_job INDEXED BY marionette_job_running
        WHERE state = 3 ORDER BY instance LIMIT 1
    )
    UNION ALL
    SELECT (
        SELECT instance FROM marionette_job INDEXED BY marionette_job_running
        WHERE state = 3 AND instance > holder.instance ORDER BY instance LIMIT 1
    ) FROM holder WHERE holder.instance IS NOT NULL
)
SELECT instance FROM holder
WHERE instance IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM marionette_instance WHERE marionette_instance.id = holder.instance
)
