SELECT test.begin('each change changes the states for which it makes sense');
CREATE PROCEDURE pg_temp.one_of_each() LANGUAGE plpgsql AS $$
BEGIN
    PERFORM test.begin('each change changes the states for which it makes sense');
    PERFORM test.put('{4,5,6,7,8}', after => -9000000);
    PERFORM test.take('a', 5);
    PERFORM test.settle(5, 0), test.settle(6, 5, outcome => 1), test.settle(7, 6, 'x', kind => 3);
    PERFORM test.settle(8, 2, outcome => 1, error => 'no', after => 60000000);
    PERFORM test.put('{1}'), test.put('{2}', after => 60000000);
END $$;
CALL pg_temp.one_of_each();
SELECT test.is(test.change('{1,2,4,5,6,7,8,9,8}', 'retried'), 4);
SELECT test.is(string_agg(test.told(n), ', ' ORDER BY n),
    'ready 0 0, ready 0 0, running 0 0, done 0 0, ready 0 0, ready 0 0, ready 1 0 no')
FROM generate_series(1, 8) n;
CALL pg_temp.one_of_each();
SELECT test.is(test.change('{1,2,4,5,6,7,8}', 'cancelled'), 4);
CALL pg_temp.one_of_each();
SELECT test.is(test.change('{1,2,4,5,6,7,8}', 'deleted'), 6);
SELECT test.is(count(*), 1::int8) FROM marionette.job;
CALL pg_temp.one_of_each();
SELECT test.is(test.change('{1,2,4,5,6,7,8}', 'rescheduled', due => 5), 3);
SELECT test.is(first_due, 5::int8) FROM marionette.show_1(ARRAY[test.id(8)]);
SELECT * FROM test.faults();

SELECT test.begin('a settled claim stays settled through a change by a person');
SELECT test.put('{1}');
SELECT test.take();
CREATE TEMP TABLE old AS SELECT token FROM marionette.running;
SELECT test.settle(1, 5, outcome => 1);
SELECT test.is(test.change('{1}', 'retried'), 1);
SELECT test.is(test.settle(1, 0, token => token), true) FROM old;
SELECT test.is(test.told(1), 'ready 0 0');
SELECT test.is(test.take(), '1');
SELECT test.is(test.token(1) > token, true) FROM old;
DROP TABLE old;

SELECT test.begin('the steps of a change are one activity, and what changed nothing is none');
SELECT test.put('{1,2,3}');
CREATE FUNCTION pg_temp.step(VARIADIC numbers int8[]) RETURNS int LANGUAGE sql AS $$
    SELECT marionette.change_1(ARRAY(SELECT test.id(n) FROM unnest(numbers) n), 'cancelled', 'why', NULL,
        'ada', 'test', test.who('call'))
$$;
SELECT test.is(pg_temp.step(1, 2, 9), 2);
SELECT test.is(pg_temp.step(3), 1);
SELECT test.is(pg_temp.step(3, 2), 2);
SELECT test.is(test.change('{1,2,3}', 'cancelled'), 0);
SELECT test.is(string_agg(kind || ' ' || jobs, ', '), 'cancelled 3') FROM marionette.activity;
SELECT test.is(count(*), 3::int8) FROM marionette.changed;

SELECT test.begin('counts and lists tell every state');
CALL pg_temp.one_of_each();
SELECT test.is(string_agg(state || ' ' || jobs, ', ' ORDER BY state),
    '0 1, 1 1, 2 1, 3 1, 4 1, 5 1, 6 1') FROM marionette.counts_1();
SELECT test.is(string_agg(test.number(id) || ' ' || state, ', '), '8 2, 7 6, 6 5, 5 4')
FROM marionette.list_1(NULL, 4, NULL, NULL, NULL, NULL, NULL);
SELECT test.is(string_agg(test.number(id) || ' ' || state, ', '), '4 3, 2 1')
FROM marionette.list_1(test.id(5), 9, '{1,3}', '{k}', '{q}', 0, NULL);
