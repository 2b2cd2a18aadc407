SELECT test.begin('a job is accepted once, and known with the same kind, queue and payload');
SELECT test.is(test.put('{1,2}'), '0 0');
SELECT test.is(test.put('{1,3}'), '1 0');
SELECT test.is(test.put('{1}', payload => 'x'), '2');
SELECT test.is(test.put('{1}', kind => 'other'), '2');
SELECT test.is(test.put('{1}', queue => 'other'), '2');
SELECT test.is(test.put('{1}', priority => 9), '1');
SELECT test.is(count(*), 3::int8) FROM marionette.waiting;

SELECT test.begin('an id that comes twice in a call is one job, and the first of them counts');
SELECT test.is(array_to_string(marionette.insert_1(
    ARRAY[test.id(2), test.id(1), test.id(2), test.id(2)], '{1,1,1,1}', '{NULL,NULL,NULL,NULL}',
    '{0,0,0,0}', '{NULL,NULL,NULL,NULL}', '{"","","",""}', '{one,one,one,two}', NULL, '{q}', '{k}',
    '{0}'), ' '), '0 0 1 2');

SELECT test.begin('a full queue refuses what is not known, whatever its kind, and counts what waits alone');
SELECT test.is(test.put('{1}', kind => 'other'), '0');
SELECT test.is(test.put('{2,3,4}', most => 3), '0 0 3');
SELECT test.is(test.put('{2,4}', most => 0), '1 3');
SELECT test.is(test.take(most => 1), '2');
SELECT test.is(test.put('{4}', most => 3), '0');
SELECT test.is(test.put('{5}', most => 3), '3');
SELECT test.is(test.put('{5}', queue => 'free', most => 1), '0');
SELECT test.is(test.put('{6}'), '0');

SELECT test.begin('an id twice in a call with limits is decided in the order of the call');
SELECT test.is(array_to_string(marionette.insert_1(
    ARRAY[test.id(2), test.id(2), test.id(2), test.id(1), test.id(3)], '{1,1,1,1,1}',
    '{NULL,NULL,NULL,NULL,NULL}', '{0,0,0,0,0}', '{NULL,NULL,NULL,NULL,NULL}', '{"","","","",""}',
    '{one,one,two,one,one}', '{0,NULL,1,2,2}', '{q}', '{k}', '{0}'), ' '), '3 0 2 0 3');
SELECT test.is(array_to_string(marionette.insert_1(ARRAY[test.id(6), test.id(5)], '{1,2}', '{NULL,NULL}',
    '{0,0}', '{NULL,NULL}', '{"",""}', '{p,p}', '{NULL,9}', '{q,x}', '{k,k}', '{0,0}'), ' '), '0 0');

SELECT test.begin('known ids are known whatever became of their jobs');
SELECT test.put('{1,2,3}');
SELECT test.take(most => 2);
SELECT test.settle(1, 0, 'result');
SELECT test.is(test.put('{1,2,3}'), '1 1 1');
SELECT test.is(test.told(1), 'done 0 0 result');
SELECT * FROM test.faults();
