-- A lane by its number.
-- arguments: 1 lane
-- result: id, queue, kind, priority, suspect
-- index: the rowid of marionette_lane
SELECT id, queue, kind, priority, suspect FROM marionette_lane WHERE id = ?1
