-- The first of our tables and indexes that has no root page of its own.
-- arguments: none
-- result: name
-- index: a scan of sqlite_schema, which has a row for each table and index
SELECT name FROM sqlite_schema AS ours
WHERE tbl_name LIKE 'marionette\_%' ESCAPE '\' AND type IN ('table', 'index')
    AND (typeof(rootpage) <> 'integer' OR rootpage < 2 OR EXISTS (
        SELECT 1 FROM sqlite_schema AS other
        WHERE CAST(other.rootpage AS INTEGER) = ours.rootpage AND other.rowid <> ours.rowid
    ))
LIMIT 1
