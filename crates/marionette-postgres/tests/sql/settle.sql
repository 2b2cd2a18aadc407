SELECT test.begin('each verdict has its effect');
SELECT test.put('{1,2,3,4,5,6,7}');
SELECT test.take();
SELECT test.is(test.settle(1, 0, 'result', 0), true);
SELECT test.is(test.settle(2, 1, 'too large', 0), true);
SELECT test.is(test.settle(3, 2, outcome => 1, error => 'no route', after => 60000000), true);
SELECT test.is(test.settle(4, 3, outcome => 6), true);
SELECT test.is(test.settle(5, 4, outcome => 7), true);
SELECT test.is(test.settle(6, 5, outcome => 2, error => 'at main.rs:7', kind => 1), true);
SELECT test.is(test.settle(7, 6, 'expired', kind => 3), true);
SELECT test.is(string_agg(test.told(n), ', ' ORDER BY n), 'done 0 0 result, done 0 0, '
    'later 1 0 no route, ready 0 0, ready 0 0, dead 1 0 panicked: at main.rs:7, cancelled 0 0 expired')
FROM generate_series(1, 7) n;
SELECT test.is(string_agg(concat_ws(' ', n, state, end_kind, encode(reason, 'escape')), ', '),
    '1 4, 2 4 too large, 6 5 1, 7 6 3 expired, 8')
FROM marionette.ended_1(ARRAY(SELECT test.id(n) FROM generate_series(1, 8) n ORDER BY n));
SELECT test.is(string_agg(number || ' ' || outcome || ' ' || ran, ', '), '1 0 5000')
FROM marionette.attempts_1(test.id(1));

SELECT test.begin('a settlement that is repeated is applied, until the job is claimed again');
SELECT test.put('{1,2}');
SELECT test.take();
CREATE TEMP TABLE old AS SELECT test.number(id) AS n, token FROM marionette.running;
SELECT test.is(test.settle(1, 0, 'one'), true), test.is(test.settle(2, 2, outcome => 1), true);
SELECT test.is(test.settle(n, 0, 'two', token => token), true) FROM old;
SELECT test.is(test.told(1), 'done 0 0 one');
SELECT test.is(test.take(), '2');
SELECT test.is(test.settle(n, 0, 'three', token => token), false) FROM old WHERE n = 2;
SELECT test.is(test.told(2), 'running 1 0');
DROP TABLE old;

SELECT test.begin('a lease that does not hold changes nothing');
SELECT test.put('{1}');
SELECT test.take();
SELECT test.is(test.settle(1, next, outcome => 1, name => 'b'), false)
FROM generate_series(0, 6) next;
SELECT test.is(test.settle(1, next, outcome => 1, token => test.token(1) + 1), false)
FROM generate_series(0, 6) next;
SELECT test.is(test.settle(9, 0, token => 5), false);
SELECT test.is(test.told(1), 'running 0 0');

SELECT test.begin('of a call with all verdicts each is answered at its place');
SELECT test.put('{1,2,3,4}');
SELECT test.take();
SELECT test.is(marionette.settle_1(
    ARRAY[test.id(4), test.id(9), test.id(2), test.id(1)],
    array_fill(test.who('a'), '{4}'),
    ARRAY[test.token(4), 5, test.token(2), test.token(1)], '{0,0,2,0}', '{four,nine,NULL,one}',
    '{NULL,NULL,NULL,NULL}', '{NULL,NULL,NULL,NULL}', '{0,0,0,0}', '{1,1,1,1}', '{0,0,1,0}',
    '{NULL,NULL,again,NULL}'), '{t,f,t,t}'::bool[]);
SELECT test.is(test.told(1) || ', ' || test.told(2) || ', ' || test.told(4),
    'done 0 0 one, ready 1 0 again, done 0 0 four');

SELECT test.begin('a job that somebody wants cancelled does not wait again');
SELECT test.put('{1,2,3,4}');
SELECT test.take();
SELECT test.is(test.change('{1,2,3,4}', 'cancelled', 'first'), 4);
SELECT test.is(test.change('{1,2,3,4}', 'cancelled', 'second'), 0);
SELECT test.is(string_agg(encode(cancel, 'escape'), ' ' ORDER BY n), 'first first first first')
FROM marionette.renew_1(test.who('a'), '{}', ARRAY(SELECT id FROM marionette.running ORDER BY id),
    ARRAY(SELECT token FROM marionette.running ORDER BY id)) WHERE n > 0;
SELECT test.is(test.settle(1, 2, outcome => 1), true), test.is(test.settle(2, 4), true),
    test.is(test.settle(3, 0, 'well'), true);
SELECT test.is(test.told(1) || ', ' || test.told(2) || ', ' || test.told(3),
    'cancelled 1 0 first, cancelled 0 0 first, done 0 0 well');
SELECT marionette.bury_1(test.who('a'), beat, 10) FROM marionette.instance WHERE id = test.who('a');
SELECT test.is(test.told(4), 'cancelled 0 1 first');
SELECT * FROM test.faults();

SELECT test.begin('the first 5 and the last 20 attempts are kept');
SELECT test.put('{1}');
DO $$ BEGIN
    FOR n IN 1 .. 60 LOOP
        PERFORM test.take();
        PERFORM test.settle(1, 2, outcome => 1, error => 'e' || n);
    END LOOP;
END $$;
SELECT test.is(array_agg(number), ARRAY(SELECT n FROM generate_series(1, 60) n WHERE n < 6 OR n > 40))
FROM marionette.failures_1(ARRAY[test.id(1)]);
SELECT test.is(test.told(1), 'ready 60 0 e60');
SELECT * FROM test.faults();
