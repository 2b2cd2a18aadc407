-- The job that has an id.
-- arguments: 1 id
-- result: seq, lane, payload
-- index: sqlite_autoindex_marionette_job_1
SELECT seq, lane, payload FROM marionette_job WHERE id = ?1
