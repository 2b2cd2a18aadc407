-- Version 1: all tables of the store. `marionette` stands for the name of the schema.
--
-- Times are microseconds since 1970 by the server's clock. Names are ASCII and compared by their
-- bytes; all other text is bytea, so neither the encoding of the database nor a NUL matters.
-- Nothing that waits or runs is ever updated: a row is inserted and deleted, so its ctid stays its
-- own, and both tables are narrow, since their dead rows are what vacuum has to read.

CREATE TABLE marionette.meta (
    one     bool PRIMARY KEY DEFAULT true CHECK (one),
    version int4 NOT NULL,
    store   uuid NOT NULL DEFAULT gen_random_uuid()
);

-- Where jobs of one queue, kind and priority wait. Its id is `lane_of` these three, an even number;
-- suspects, whose instance has died before, wait in the lane of the next odd number.
CREATE TABLE marionette.lane (
    id       int8 PRIMARY KEY,
    queue    text COLLATE "C" NOT NULL,
    kind     text COLLATE "C" NOT NULL,
    priority int2 NOT NULL,
    UNIQUE (kind, queue, priority)
);

CREATE TABLE marionette.paused (
    queue   text COLLATE "C" PRIMARY KEY,
    since   int8 NOT NULL,
    by_name bytea NOT NULL,
    by_via  bytea NOT NULL
);

CREATE TABLE marionette.instance (
    id    uuid PRIMARY KEY,
    beat  int8 NOT NULL,                -- grows with every sign of life
    since int8 NOT NULL,
    seen  int8 NOT NULL,
    about bytea NOT NULL                -- what it tells about itself, as JSON
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- What does not change while a job goes well. Failures, crashes and people update it.
CREATE TABLE marionette.job (
    id        uuid PRIMARY KEY,
    lane      int8 NOT NULL,
    due       int8 NOT NULL,            -- as in `waiting` or `running`
    accepted  int8 NOT NULL,
    first_due int8 NOT NULL,            -- limits in total count from here
    keep      int8,                     -- for how long its result is kept, if it said so
    failed    int4 NOT NULL DEFAULT 0,
    crashes   int4 NOT NULL DEFAULT 0,
    history   int4 NOT NULL DEFAULT 0,  -- attempts that were ever written to `attempt`
    reason    bytea,                    -- the error of its last failed attempt since it began
    options   bytea NOT NULL,           -- JSON; empty for the defaults
    payload   bytea NOT NULL
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE marionette.job ALTER payload SET STORAGE EXTERNAL;

-- What waits. The columns behind `id` are empty in a job that was never claimed.
CREATE TABLE marionette.waiting (
    lane    int8 NOT NULL,
    due     int8 NOT NULL,
    id      uuid NOT NULL,
    keep    int8,
    bytes   int4,                       -- of options and payload, if they are more than 1,024
    token   int8,                       -- of its last claim
    holder  uuid,                       -- the instance that had it
    settled bool,                       -- whether that claim was settled
    started int8,                       -- when it was claimed
    PRIMARY KEY (lane, due, id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);

CREATE TABLE marionette.running (
    instance uuid NOT NULL,
    id       uuid NOT NULL,
    token    int8 NOT NULL,
    lane     int8 NOT NULL,
    due      int8 NOT NULL,
    started  int8 NOT NULL,
    keep     int8,
    bytes    int4,
    PRIMARY KEY (instance, id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);

-- A job that runs and that somebody wants cancelled, and why.
CREATE TABLE marionette.wish (
    id     uuid PRIMARY KEY,
    reason bytea NOT NULL
);

CREATE TABLE marionette.ended (
    id       uuid PRIMARY KEY,
    lane     int8 NOT NULL,
    state    int2 NOT NULL,             -- 4 done, 5 dead, 6 cancelled, 7 quarantined
    ended    int8 NOT NULL,
    until    int8,                      -- until when it is kept, if it said so and is done
    kind     int2,                      -- how it ended, unless it is done: see `end_kind`
    token    int8,                      -- as in `waiting`
    holder   uuid,
    settled  bool NOT NULL,
    started  int8,
    ran      int8,                      -- nanoseconds, of the attempt that succeeded
    result   bytea,                     -- of a job that is done; if it is none, `reason` says why
    reason   bytea                      -- why it ended, if somebody said
) WITH (autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE marionette.ended ALTER result SET STORAGE EXTERNAL;
CREATE INDEX ended_done ON marionette.ended (ended, id) WHERE state = 4 AND until IS NULL;
CREATE INDEX ended_until ON marionette.ended (until) WHERE until IS NOT NULL;
CREATE INDEX ended_failed ON marionette.ended (ended) WHERE state > 4;
CREATE INDEX ended_listed ON marionette.ended (state, id) WHERE state > 4;

CREATE TABLE marionette.attempt (
    id       uuid NOT NULL,
    n        int4 NOT NULL,             -- from 1, every one of the job's counted
    number   int4 NOT NULL,             -- as its handler saw it
    started  int8 NOT NULL,
    ended    int8 NOT NULL,
    ran      int8 NOT NULL,             -- nanoseconds
    outcome  int2 NOT NULL,             -- 0 done, 1 failed, 2 panicked, 3 timed out, 4 given up,
                                        -- 5 cancelled, 6 snoozed, 7 interrupted, 8 crashed
    error    bytea,
    instance uuid,
    PRIMARY KEY (id, n)
);

-- The changes that people made, and the jobs that they changed, which may be gone.
CREATE TABLE marionette.activity (
    number  int8 PRIMARY KEY,
    kind    text COLLATE "C" NOT NULL,
    at      int8 NOT NULL,
    by_name bytea NOT NULL,
    by_via  bytea NOT NULL,
    queue   text COLLATE "C",
    reason  bytea,
    call    uuid UNIQUE,                -- the call that made the change, in one step or more
    jobs    int8 NOT NULL DEFAULT 0
);
CREATE INDEX activity_queue ON marionette.activity (queue, number) WHERE queue IS NOT NULL;
CREATE TABLE marionette.changed (
    id       uuid NOT NULL,
    activity int8 NOT NULL,
    PRIMARY KEY (id, activity)
);
CREATE INDEX changed_activity ON marionette.changed (activity);

INSERT INTO marionette.meta (version) VALUES (1);
