-- Whether a lane is there and takes jobs.
-- arguments: 1 lane
-- result: a row if it does
-- index: the rowid of marionette_lane
SELECT 1 FROM marionette_lane WHERE id = ?1 AND suspect < 2
