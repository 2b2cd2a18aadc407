-- Accepts a job. One whose id is known changes nothing.
-- arguments: 1 id, 2 lane, 3 due, 4 now, 5 keep, 6 options, 7 payload
-- result: one change if it is new
-- Tokens begin with the time, so that a lease of a job that was deleted means nothing to one that
-- has its row, or even its id, later.
-- index: the unique one of marionette_job (id)
INSERT INTO marionette_job (
    id, state, lane, due, token, settled, instance, started, ended, ran, failed, crashes, history,
    accepted, first_due, keep, options, payload
) VALUES (
    ?1, 2, ?2, ?3, ?4, -?4, x'00000000000000000000000000000000', -?4, -?4, 0.0, 0, 0, 0,
    ?4, ?3, ?5, ?6, ?7
) ON CONFLICT (id) DO NOTHING
