-- The first table of somebody else with a foreign key to one of ours.
-- arguments: none
-- result: its name, the name of ours
-- index: a scan of sqlite_schema, which has a row for each table and index
SELECT theirs.name, key."table"
FROM sqlite_schema AS theirs, pragma_foreign_key_list(theirs.name) AS key
WHERE theirs.type = 'table' AND key."table" LIKE 'marionette\_%' ESCAPE '\'
LIMIT 1
