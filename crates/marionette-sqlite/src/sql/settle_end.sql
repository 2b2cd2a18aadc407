-- Ends a job. How long it is kept if it said so counts for those that are done.
-- arguments: 1 seq, 2 state, 3 now, 4 settled, 5 failed, 6 crashes, 7 history, 8 result, 9 reason,
--     10 end_kind
-- result: one change
-- index: the rowid of marionette_job
UPDATE marionette_job SET state = ?2, ended = ?3, settled = ?4, failed = ?5, crashes = ?6,
    history = ?7, result = ?8, reason = ?9, end_kind = ?10, ran = NULL, cancel = NULL,
    until = CASE ?2 WHEN 4 THEN ?3 + keep END
WHERE seq = ?1
