-- The activity of the newest changed job beyond the number that is kept.
-- arguments: 1 how many are kept
-- result: activity, unless fewer are there
-- index: marionette_changed_activity
SELECT activity FROM marionette_changed WHERE activity > 0 ORDER BY activity DESC LIMIT 1 OFFSET ?1
