-- Lets no more jobs into a lane. One stays open whose closed predecessor still has jobs.
-- arguments: 1 lane
-- result: one change if it was open
-- index: the rowid of marionette_lane
UPDATE OR IGNORE marionette_lane SET suspect = suspect + 2 WHERE id = ?1 AND suspect < 2
