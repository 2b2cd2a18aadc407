-- The lanes that were made after one.
-- arguments: 1 lane
-- result: id, queue, kind, priority, suspect
-- index: the rowid of marionette_lane
SELECT id, queue, kind, priority, suspect FROM marionette_lane WHERE id > ?1 ORDER BY id
