-- The lanes of a kind and a queue.
-- arguments: 1 kind, 2 queue
-- result: id, queue, kind, priority, suspect
-- index: sqlite_autoindex_marionette_lane_1
SELECT id, queue, kind, priority, suspect FROM marionette_lane WHERE kind = ?1 AND queue = ?2
