-- Forgets the jobs that activities changed, up to one activity.
-- arguments: 1 activity
-- result: a change for each
-- index: marionette_changed_activity
DELETE FROM marionette_changed WHERE activity <= ?1
