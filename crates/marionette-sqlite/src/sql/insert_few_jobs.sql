-- Accepts 4 jobs, as insert_jobs does 16.
-- arguments: 1 now; for each job 6 more: id, lane, due, keep, options, payload
-- result: one change for each that is new
-- index: the unique one of marionette_job (id)
INSERT OR ROLLBACK INTO marionette_job (
    id, state, lane, due, token, settled, instance, started, ended, ran, failed, crashes, history,
    accepted, first_due, keep, options, payload
) VALUES
    (?2, 2, ?3, ?4, ?1, -?1, x'00000000000000000000000000000000', -?1, -?1, 0.0, 0, 0, 0,
    ?1, ?4, ?5, ?6, ?7),
    (?8, 2, ?9, ?10, ?1, -?1, x'00000000000000000000000000000000', -?1, -?1, 0.0, 0, 0, 0,
    ?1, ?10, ?11, ?12, ?13),
    (?14, 2, ?15, ?16, ?1, -?1, x'00000000000000000000000000000000', -?1, -?1, 0.0, 0, 0, 0,
    ?1, ?16, ?17, ?18, ?19),
    (?20, 2, ?21, ?22, ?1, -?1, x'00000000000000000000000000000000', -?1, -?1, 0.0, 0, 0, 0,
    ?1, ?22, ?23, ?24, ?25)
ON CONFLICT (id) DO NOTHING
