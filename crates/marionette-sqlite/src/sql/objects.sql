-- What is called as our tables are, or is on one of them.
-- arguments: none
-- result: type, name, table, SQL
-- index: a scan of sqlite_schema, which has a row for each table and index
SELECT type, name, tbl_name, sql FROM sqlite_schema
WHERE CAST(name AS TEXT) LIKE 'marionette\_%' ESCAPE '\'
    OR CAST(tbl_name AS TEXT) LIKE 'marionette\_%' ESCAPE '\'
