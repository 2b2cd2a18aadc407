-- The newest lane.
-- arguments: none
-- result: id, or NULL
-- index: a search for the highest rowid of marionette_lane
SELECT max(id) FROM marionette_lane
