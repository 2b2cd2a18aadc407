-- All lanes, the oldest first, and whether they take jobs.
-- arguments: none
-- result: id, suspect
-- index: a scan of marionette_lane, which has a row for each lane
SELECT id, suspect FROM marionette_lane ORDER BY id
