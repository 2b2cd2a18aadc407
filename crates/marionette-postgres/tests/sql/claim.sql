SELECT test.begin('what has been due for longest goes first');
SELECT test.put('{3}', after => -1000000), test.put('{1}', after => -3000000),
    test.put('{2}', after => -2000000), test.put('{4}', after => 60000000);
SELECT test.is(test.take(most => 2), '1 2');
SELECT test.is(test.take(), '3');
SELECT test.is(test.take(), '');

SELECT test.begin('the higher priority goes first, across kinds and queues');
SELECT test.put('{1}', kind => 'k', queue => 'x', priority => -128, after => -9),
    test.put('{2}', kind => 'l', queue => 'x', priority => 127),
    test.put('{3}', kind => 'k', queue => 'y', priority => 5),
    test.put('{4}', kind => 'l', queue => 'y', priority => 5, after => -5000000);
SELECT test.is(test.take(most => 1, kinds => '{k,l}'), '2');
SELECT test.is(test.take(most => 2, kinds => '{k,l}'), '4 3');
SELECT test.is(test.take(kinds => '{k,l}'), '1');

SELECT test.begin('lanes of one priority are merged by due time');
SELECT test.put(ARRAY[n], after => -1000 + n, queue => 'q' || n % 7) FROM generate_series(1, 100) n;
SELECT test.is(test.take(most => 50), string_agg(n::text, ' ')) FROM generate_series(1, 50) n;
SELECT test.is(test.take(most => 50), string_agg(n::text, ' ')) FROM generate_series(51, 100) n;

SELECT test.begin('only what is wanted is claimed, and nothing from a paused queue');
SELECT test.put('{1}'), test.put('{2}', queue => 'x'), test.put('{3}', kind => 'other');
SELECT test.is(test.take(kinds => '{}'), '');
SELECT test.is(test.take(kinds => '{K}'), '');
SELECT test.is(marionette.pause_1('q', 'ada', 'test'), true);
SELECT test.is(marionette.pause_1('q', 'ben', 'test'), false);
SELECT test.is(test.take(queues => '{q}'), '');
SELECT test.is(test.take(), '2');
SELECT test.is(next, NULL) FROM marionette.look_1('{k}', NULL);
SELECT test.is(marionette.resume_1('q', 'ada', 'test'), true);
SELECT test.is(next <= at, true) FROM marionette.look_1('{k}', NULL);
SELECT test.is(test.take(queues => '{q}', kinds => '{k,other}'), '1 3');

SELECT test.begin('an instance that is not known takes nothing');
SELECT test.put('{1}');
DO $$ BEGIN
    PERFORM test.take('stranger');
    RAISE EXCEPTION 'it took something';
EXCEPTION WHEN SQLSTATE 'MN001' THEN NULL;
END $$;
SELECT test.is(test.take(), '1');

SELECT test.begin('as many suspects are claimed as the claim allows, and others are not held up by them');
SELECT test.put('{1,2,3}', after => -9000), test.take('b');
SELECT marionette.bury_1(test.who('b'), 1, 10);
SELECT test.put('{4,5}');
SELECT test.is(test.take(suspects => 0), '4 5');
SELECT test.is(suspect, true) FROM marionette.look_1('{k}', NULL);
SELECT test.is(test.take(), '1');
SELECT test.is(test.take(suspects => 9), '2 3');
SELECT test.is(crashes, 1) FROM marionette.show_1(ARRAY[test.id(2)]);

SELECT test.begin('a hint hides what is below it, and nothing else');
SELECT test.put('{1}', after => -9000000), test.put('{2}');
SELECT test.is(test.take(low => marionette.now_1() - 5000000), '2');
SELECT test.is(test.take(), '1');

SELECT test.begin('a token is never issued twice, although the store forgot a claim');
SELECT test.put('{1}');
CREATE TEMP TABLE tokens (token int8);
SELECT test.take();
INSERT INTO tokens SELECT test.token(1);
-- A promoted server that lacks the claim.
CREATE FUNCTION pg_temp.forget(stored int8) RETURNS void LANGUAGE sql AS $$
    INSERT INTO marionette.waiting (lane, due, id, token)
    SELECT lane, due, id, stored FROM marionette.running;
    DELETE FROM marionette.running
$$;
SELECT pg_temp.forget(NULL);
SELECT test.take();
INSERT INTO tokens SELECT test.token(1);
-- And whose clock is an hour behind.
SELECT pg_temp.forget(max(token) + 3600000000) FROM tokens;
SELECT test.take();
SELECT test.is(test.token(1) > max(token) + 3600000000, true) FROM tokens;
INSERT INTO tokens SELECT test.token(1);
SELECT pg_temp.forget(max(token)) FROM tokens;
SELECT test.take();
INSERT INTO tokens SELECT test.token(1);
SELECT test.is(count(DISTINCT token), 4::int8) FROM tokens;
DROP TABLE tokens;

SELECT test.begin('an answer has at most 16 MiB and at least one job');
SELECT marionette.insert_1(ARRAY(SELECT test.id(n) FROM generate_series(1, 20) n),
    array_fill(1, '{20}'), array_fill(NULL::int8, '{20}'), array_fill(0::int8, '{20}'),
    array_fill(NULL::int8, '{20}'), array_fill(''::bytea, '{20}'),
    array_fill(repeat('x', 1000000)::bytea, '{20}'), NULL, '{q}', '{k}', '{0}');
SELECT test.is(cardinality(string_to_array(test.take(most => 20), ' ')), 17);
SELECT test.is(test.take(most => 20), '18 19 20');
SELECT * FROM test.faults();
