-- Jobs that an activity changed.
-- arguments: 1 activity, 2 limit
-- result: job
-- index: marionette_changed_activity
SELECT job FROM marionette_changed WHERE activity = ?1 LIMIT ?2
