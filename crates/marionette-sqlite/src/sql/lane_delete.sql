-- Deletes a lane that takes no more jobs, unless it is the newest: its number would come again.
-- arguments: 1 lane
-- result: one change if it was deleted
-- index: the rowid of marionette_lane
DELETE FROM marionette_lane
WHERE id = ?1 AND suspect >= 2 AND id < (SELECT max(id) FROM marionette_lane)
