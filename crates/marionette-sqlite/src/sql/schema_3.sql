-- Version 3: how a job ended without success is a column, and the error of an attempt does not
-- begin with its outcome. Texts of older versions are read here, once, and nowhere else: an end is
-- recognised by the sentence that the library wrote for it, so a person who cancelled a job in just
-- those words is taken for the library. Reasons stay as they are.

-- failed, cancelled, expired, given_up or quarantined; NULL unless the job ended without success.
ALTER TABLE marionette_job ADD COLUMN end_kind TEXT;

UPDATE marionette_attempt SET error = substr(error, 1 + length('panicked: '))
WHERE outcome = 'panicked' AND error GLOB 'panicked: *';
UPDATE marionette_attempt SET error = substr(error, 1 + length('cancelled: '))
WHERE outcome = 'cancelled' AND error GLOB 'cancelled: *';
UPDATE marionette_attempt SET outcome = 'given_up'
WHERE outcome = 'timed_out' AND error GLOB 'given up after * in total';

UPDATE marionette_job SET end_kind = CASE
    WHEN state = 7 THEN 'quarantined'
    WHEN state = 6 AND reason GLOB 'expired: not started within * of its time' THEN 'expired'
    WHEN state = 6 AND reason GLOB 'given up after * in total' THEN 'given_up'
    WHEN state = 6 THEN 'cancelled'
    WHEN EXISTS (
        SELECT 1 FROM marionette_attempt
        WHERE job = marionette_job.seq AND n = marionette_job.history AND outcome = 'given_up'
    ) THEN 'given_up'
    ELSE 'failed'
END
WHERE state > 4;
-- A job that is done has a reason if its result could not be kept, and that is why. Version 2 wrote
-- it in place of the result.
UPDATE marionette_job SET reason = substr(result, 1 + length('!not kept: ')), result = NULL
WHERE state = 4 AND typeof(result) = 'text' AND result GLOB '!not kept: *';
-- What an instance tells about itself, as JSON; NULL if an older version of the library wrote it.
ALTER TABLE marionette_instance ADD COLUMN about TEXT;

-- Who paused a queue, and through what; NULL if an older version of the library wrote it.
ALTER TABLE marionette_queue ADD COLUMN by_name TEXT;
ALTER TABLE marionette_queue ADD COLUMN by_via TEXT;

-- The changes that people made.
CREATE TABLE marionette_activity (
    seq     INTEGER PRIMARY KEY,
    kind    TEXT    NOT NULL,           -- retried, cancelled, deleted, rescheduled, paused, resumed
    at      INTEGER NOT NULL,
    by_name TEXT    NOT NULL,           -- who made it
    by_via  TEXT    NOT NULL,           -- through what
    queue   TEXT,                       -- that was paused or resumed
    reason  TEXT,                       -- of a cancellation
    jobs    INTEGER NOT NULL            -- how many were changed
);
CREATE INDEX marionette_activity_queue ON marionette_activity (queue) WHERE queue IS NOT NULL;

-- The jobs that they changed; a job may be gone.
CREATE TABLE marionette_changed (
    job      BLOB    NOT NULL,          -- marionette_job.id
    activity INTEGER NOT NULL,          -- marionette_activity.seq
    PRIMARY KEY (job, activity)
) WITHOUT ROWID;
CREATE INDEX marionette_changed_activity ON marionette_changed (activity);
