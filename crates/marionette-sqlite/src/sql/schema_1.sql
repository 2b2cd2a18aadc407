-- Version 1: all tables of the store. Run once for each file, in one exclusive transaction.
--
-- Times are microseconds since 1970 by the wall clock of the machine; one below zero has not come.
-- A row of `marionette_job` keeps its size through the job's life (states have one byte each,
-- what is not known yet has a stand-in of the same size), so that claiming and settling a job
-- overwrite it in place.

CREATE TABLE marionette_lane (
    id       INTEGER PRIMARY KEY,
    queue    TEXT    NOT NULL,
    kind     TEXT    NOT NULL,
    priority INTEGER NOT NULL,
    suspect  INTEGER NOT NULL,          -- 1: the worker of each job in it has died before
    UNIQUE (kind, queue, priority, suspect)
);

CREATE TABLE marionette_queue (
    name   TEXT PRIMARY KEY,
    paused INTEGER NOT NULL             -- since when
) WITHOUT ROWID;

CREATE TABLE marionette_worker (
    id      BLOB    PRIMARY KEY,        -- the incarnation
    server  TEXT    NOT NULL,
    process INTEGER NOT NULL,
    slots   INTEGER NOT NULL,
    beat    INTEGER NOT NULL,           -- grows with every sign of life
    since   INTEGER NOT NULL,
    seen    INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE marionette_job (
    seq       INTEGER PRIMARY KEY,
    id        BLOB    NOT NULL UNIQUE,
    state     INTEGER NOT NULL,         -- 2 waiting, 3 running, 4 done, 5 dead, 6 cancelled, 7 quarantined
    lane      INTEGER NOT NULL,
    due       INTEGER NOT NULL,
    token     INTEGER NOT NULL,         -- grows with every claim
    settled   INTEGER NOT NULL,         -- the token of the last claim that was settled
    worker    BLOB    NOT NULL,         -- who has it or had it last
    started   INTEGER NOT NULL,         -- when it was last claimed
    ended     INTEGER NOT NULL,
    ran,                                -- seconds, of the attempt that was its first and succeeded
    failed    INTEGER NOT NULL,         -- attempts that failed
    crashes   INTEGER NOT NULL,         -- workers that died
    history   INTEGER NOT NULL,         -- attempts that were ever written to marionette_attempt
    accepted  INTEGER NOT NULL,
    first_due INTEGER NOT NULL,
    keep      INTEGER,                  -- for how long its result is kept, if it said so
    until     INTEGER,                  -- until when it is kept, if it said so and is done
    options   TEXT,                     -- JSON; NULL for the defaults
    cancel    TEXT,                     -- somebody wants it cancelled while it runs, and why
    reason    TEXT,                     -- why it ended, if not by its last attempt
    result,                             -- NULL in a job that is done: JSON's null
    payload
);

-- What waits, lane by lane, by when it is due. Of what is due at once, what never failed is first.
CREATE INDEX marionette_job_waiting ON marionette_job (lane, due, failed) WHERE state = 2;
-- What runs, by who has it.
CREATE INDEX marionette_job_running ON marionette_job (worker) WHERE state = 3;
-- What has ended and is kept as long as the store's settings say.
CREATE INDEX marionette_job_ended ON marionette_job (state, ended, lane)
    WHERE state > 3 AND until IS NULL;
-- What has ended and said itself how long it is kept.
CREATE INDEX marionette_job_until ON marionette_job (until, lane) WHERE until IS NOT NULL;
-- What has ended without success, by id.
CREATE INDEX marionette_job_failed ON marionette_job (state, id) WHERE state > 4;

CREATE TABLE marionette_attempt (
    job     INTEGER NOT NULL,           -- marionette_job.seq
    n       INTEGER NOT NULL,           -- from 1, every one of the job's counted
    number  INTEGER NOT NULL,           -- as its handler saw it
    started INTEGER NOT NULL,
    ended   INTEGER NOT NULL,
    ran     INTEGER NOT NULL,           -- nanoseconds
    outcome TEXT    NOT NULL,
    error   TEXT,
    worker  BLOB,
    PRIMARY KEY (job, n)
) WITHOUT ROWID;
