-- Where a job stands, whatever else is in its row.
-- arguments: 1 id
-- result: seq, state
-- index: sqlite_autoindex_marionette_job_1
SELECT seq, state FROM marionette_job WHERE id = ?1
