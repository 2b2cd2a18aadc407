-- The newest lane that has so many newer ones.
-- arguments: 1 how many
-- result: id
-- index: a scan of marionette_lane, which has a row for each lane and is left after so many
SELECT id FROM marionette_lane ORDER BY id DESC LIMIT 1 OFFSET ?1
