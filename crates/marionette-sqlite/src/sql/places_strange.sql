-- The places of jobs whose ids are no bytes.
-- arguments: 1 limit
-- result: seq
-- index: sqlite_autoindex_marionette_job_1
SELECT seq FROM marionette_job WHERE id < x'' LIMIT ?1
