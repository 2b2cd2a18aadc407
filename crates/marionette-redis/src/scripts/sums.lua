-- Counts all there is, at one moment, so that the sums can be compared.
-- flags: no-writes
-- keys: 1 bodies, 2 waiting, 3 retrying, 4 ends, 5 failed, 6 failed by time, 7 until, 8 done,
--   9 gone, 10 counts, 11 names, 12 paused, 13 instances, 14 what they tell; then what each of the
--   instances has
-- arguments: the instances
-- answer: nothing if these are not all instances; else bodies, waiting, running, retrying, ended,
--   failed, failed by time, kept until then, done, gone; then the counts, the names, the numbers of
--   the paused queues, and the instances that tell something
-- cost: O(instances + kinds + queues)
local call = redis.call
if call('HLEN', KEYS[13]) ~= #ARGV then return false end
for _, instance in ipairs(ARGV) do
  if call('HEXISTS', KEYS[13], instance) == 0 then return false end
end
local running = 0
for key = 15, #KEYS do running = running + call('HLEN', KEYS[key]) end
return {call('HLEN', KEYS[1]), call('ZCARD', KEYS[2]), running, call('ZCARD', KEYS[3]),
  call('HLEN', KEYS[4]), call('ZCARD', KEYS[5]), call('ZCARD', KEYS[6]), call('ZCARD', KEYS[7]),
  call('LLEN', KEYS[8]), call('SCARD', KEYS[9]), call('HGETALL', KEYS[10]),
  call('HGETALL', KEYS[11]), call('HKEYS', KEYS[12]), call('HKEYS', KEYS[14])}
