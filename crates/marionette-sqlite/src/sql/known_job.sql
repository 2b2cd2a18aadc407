-- Whether a job is known.
-- arguments: 1 id
-- result: a row if it is
-- index: sqlite_autoindex_marionette_job_1
SELECT 1 FROM marionette_job WHERE id = ?1
