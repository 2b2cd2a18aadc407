SELECT test.begin('the jobs of a dead instance wait again as before, and no attempt was used');
SELECT test.put('{1,2,3}', after => -5000);
SELECT test.take('b', 2);
SELECT test.is(concat_ws(' ', lives, released, quarantined, more), 'f 1 0 t')
FROM marionette.bury_1(test.who('b'), 1, 1);
SELECT test.is(concat_ws(' ', lives, released, quarantined, more), 'f 1 0 f')
FROM marionette.bury_1(test.who('b'), 1, 1);
SELECT test.is(test.told(1) || ', ' || test.told(2), 'ready 0 1, ready 0 1');
SELECT test.is(string_agg(number || ' ' || outcome, ', '), '1 8') FROM marionette.attempts_1(test.id(1));
SELECT test.is(test.take(suspects => 9), '1 2 3');

SELECT test.begin('a sign of life prevents the burial');
SELECT test.put('{1}');
SELECT test.take('b');
SELECT test.beat('b');
SELECT test.is(lives, true) FROM marionette.bury_1(test.who('b'), 1, 10);
SELECT test.is(test.told(1), 'running 0 0');

SELECT test.begin('a job is quarantined when its third instance dies');
SELECT test.put('{1}');
SELECT test.take('b'), marionette.bury_1(test.who('b'), 1, 10);
SELECT test.beat('b');
SELECT test.take('b');
SELECT marionette.bury_1(test.who('b'), 1, 10);
SELECT test.beat('b');
SELECT test.take('b');
SELECT test.is(quarantined, 1) FROM marionette.bury_1(test.who('b'), 1, 10);
SELECT test.is(state::int, 7) FROM marionette.show_1(ARRAY[test.id(1)]);
SELECT test.is(test.take(), '');

SELECT test.begin('an instance that claimed after its burial is found by its jobs');
SELECT test.put('{1}');
SELECT test.take('b');
DELETE FROM marionette.instance WHERE id = test.who('b');
SELECT test.is(array_agg(id), ARRAY[test.who('b')]) FROM marionette.beats_1() WHERE beat IS NULL;
SELECT test.is(released, 1) FROM marionette.bury_1(test.who('b'), NULL, 10);

SELECT test.begin('a lease that was never named comes back without a crash');
SELECT test.put('{1,2}', after => -5000);
SELECT test.take();
SELECT test.is(has, 2::int8) FROM marionette.renew_1(test.who('a'), '{}', '{}', '{}') WHERE n = 0;
CREATE TEMP TABLE lost AS SELECT id, token FROM marionette.held_1(test.who('a'));
SELECT test.is(marionette.free_1(test.who('a'), array_agg(id), array_agg(token)), 2) FROM lost;
SELECT test.is(test.settle(1, 5, outcome => 1, token => token), false) FROM lost
WHERE id = test.id(1);
SELECT test.is(array_agg(n ORDER BY n), '{1,2}'::int8[]) FROM marionette.renew_1(test.who('a'), '{}',
    ARRAY(SELECT id FROM lost), ARRAY(SELECT token FROM lost)) WHERE n > 0;
SELECT test.is(test.take(suspects => 0), '1 2');
DROP TABLE lost;

SELECT test.begin('what is done goes by its time, by its number and by its own time');
SELECT test.put(ARRAY(SELECT n FROM generate_series(1, 10) n));
SELECT test.put('{11}', keep => 0), test.put('{12}', keep => 60000000), test.put('{13}');
SELECT test.take(most => 20);
SELECT test.is(bool_and(test.settle(n, 0, 'r')), true) FROM generate_series(1, 12) n;
SELECT test.settle(13, 5, outcome => 1);
SELECT test.is(marionette.prune_1(0, NULL, NULL, 0, 100), 1);
SELECT test.is(marionette.prune_1(0, ended, id, 0, 2), 2) FROM marionette.beyond_1(4);
SELECT test.is(marionette.prune_1(0, ended, id, 0, 100), 4) FROM marionette.beyond_1(4);
SELECT test.is(string_agg(test.number(id)::text, ' ' ORDER BY id), '7 8 9 10 12 13')
FROM marionette.job;
SELECT test.is(marionette.prune_1(marionette.now_1(), NULL, NULL, 0, 100), 4);
SELECT test.is(marionette.prune_1(0, NULL, NULL, marionette.now_1(), 100), 1);
SELECT test.is(string_agg(test.number(id)::text, ' '), '12') FROM marionette.job;
SELECT * FROM test.faults();
