-- Accepts one job that is due at once, in a place that has a number: what a lone caller pays for.
-- flags: none, so that a server whose memory is full refuses the call
-- keys: 1 names, 2 bodies, 3 waiting, 4 hints
-- arguments: the fields of its group and queue, id, body of at most 16 KiB, the time that the id
--   tells in milliseconds (more than there are if it tells none)
-- answer: a accepted; k known by its id; i not done, since it needs the script for all jobs: the
--   place is new, its queue is paused, its id is ahead of the clock, a process is idle and has to
--   be told, or the layout is another
-- cost: O(log waiting)
local call = redis.call
local time = call('TIME')
local names = call('HMGET', KEYS[1], ARGV[1], ARGV[2], '#i', '#v')
local group, queue = names[1], names[2]
if not group or not queue or #queue > 3 or names[3] or names[4] ~= '1' then
  return 'i'
end
local now = time[1] * 1000000 + time[2]
if now + 60000000 < ARGV[5] * 1000 then return 'i' end
local bytes, id = struct.pack('>I7', now), ARGV[3]
if call('HSETNX', KEYS[2], id, bytes .. '0' .. ARGV[4]) == 0 then return 'k' end
local lane = group .. queue .. '0'
call('ZADD', KEYS[3], '0', lane .. bytes .. id .. '\0')
local high, low = string.byte(group, 1, 2)
local hint = (high * 256 + low) * 1099511627776 + math.floor(now / 8000)
call('ZADD', KEYS[4], 'LT', hint, lane)
return 'a'
