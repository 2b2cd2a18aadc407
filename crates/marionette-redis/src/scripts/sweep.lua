-- Tells which instances there are, and forgets what was kept for long enough.
-- flags: allow-oom
-- keys: 1 instances, 2 done, 3 gone, 4 until, 5 failed, 6 failed by time, 7 counts, 8 bodies,
--   9 states, 10 attempts, 11 ends, 12 activity, 13 subjects, 14 names
-- arguments: number of done jobs that are kept, how long they are, how long the others are, the
--   most jobs of one step
-- answer: the instances with their beats; how many jobs were forgotten; 1 if there are more; the
--   name of this data, or nothing if somebody has emptied the server
-- cost: O(instances + most)
--@ codec
--@ ends
--@ activity
local DONE, GONE, UNTIL, FAILED, BY_TIME = KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local keep, done_for, failed_for, most = tonumber(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4])
local now = clock()
local tally, ids, left = {}, {}, most

-- Done jobs that said how long they are kept.
local over = call('ZRANGEBYSCORE', UNTIL, '-inf', now, 'LIMIT', 0, left)
for _, member in ipairs(over) do
  ids[#ids + 1] = sub(member, 1, 16)
  add_to(tally, '4', sub(member, 17, 21), -1)
end
left = left - #over

-- Done jobs beyond the number that is kept, and those that are too old.
local beyond = call('LLEN', DONE) - call('SCARD', GONE) - keep
local count = math.max(0, math.min(beyond, left))
if count < left then
  for index, entry in ipairs(call('LRANGE', DONE, 0, left - 1)) do
    if unpick('>I7', entry) + done_for > now then break end
    count = math.max(count, index)
  end
end

-- Jobs that ended without success.
local old = {}
if left > count then
  old = call('ZRANGEBYSCORE', BY_TIME, '-inf', now - failed_for, 'LIMIT', 0, left - count)
end
local listed = {}
for _, member in ipairs(old) do
  local id, state = sub(member, 1, 16), sub(member, 17, 17)
  ids[#ids + 1], listed[#listed + 1] = id, state .. id
  add_to(tally, state, sub(member, 18, 22), -1)
end

if #over > 0 then write_many('ZREM', UNTIL, over) end
if #old > 0 then
  write_many('ZREM', BY_TIME, old)
  write_many('ZREM', FAILED, listed)
end
for _, id in ipairs(take_done(DONE, GONE, tally, count)) do ids[#ids + 1] = id end
forget(KEYS[8], KEYS[9], KEYS[10], KEYS[11], ids)
write_tally(KEYS[7], tally)
forget_activities(KEYS[12], KEYS[13], now - failed_for, 100)
local is_more = #over + count + #old >= most
return {call('HGETALL', KEYS[1]), #ids, is_more and 1 or 0, call('HGET', KEYS[14], '#u')}
