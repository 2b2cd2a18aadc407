-- Makes a lane.
-- arguments: 1 kind, 2 queue, 3 priority, 4 suspect
-- result: its rowid
-- index: the unique one of marionette_lane
INSERT INTO marionette_lane (kind, queue, priority, suspect) VALUES (?1, ?2, ?3, ?4)
