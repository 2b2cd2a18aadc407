-- How many lanes there are.
-- arguments: none
-- result: their number
-- index: a scan of marionette_lane, which has a row for each lane
SELECT count(*) FROM marionette_lane
