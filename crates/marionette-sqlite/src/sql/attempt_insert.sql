-- Adds an attempt to a job's history.
-- arguments: 1 job, 2 n, 3 number, 4 started, 5 ended, 6 nanoseconds, 7 outcome, 8 error, 9 instance
-- result: one change
-- index: the primary key of marionette_attempt
INSERT INTO marionette_attempt (job, n, number, started, ended, ran, outcome, error, instance)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
ON CONFLICT (job, n) DO UPDATE SET number = ?3, started = ?4, ended = ?5, ran = ?6, outcome = ?7,
    error = ?8, instance = ?9
