-- The places of jobs of any state behind an id, newest first.
-- arguments: 1 id, 2 limit
-- result: seq, id
-- index: sqlite_autoindex_marionette_job_1
SELECT seq, id FROM marionette_job
WHERE id < ?1 AND id >= x''
ORDER BY id DESC LIMIT ?2
