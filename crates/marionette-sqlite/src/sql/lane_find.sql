-- A lane by what is in it.
-- arguments: 1 kind, 2 queue, 3 priority, 4 suspect
-- result: id
-- index: sqlite_autoindex_marionette_lane_1
SELECT id FROM marionette_lane WHERE kind = ?1 AND queue = ?2 AND priority = ?3 AND suspect = ?4
