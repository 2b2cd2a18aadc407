-- A sign of life of an instance. Makes it known if it is new.
-- flags: allow-oom
-- keys: 1 instances, 2 what they tell about themselves, 3 what this one has, 4 cancels, 5 names
-- arguments: instance, what it tells about itself; for each lease id and token
-- answer: how many jobs it has; now; for each lease k kept, l lost, or c and why it is to be
--   cancelled
-- cost: O(leases)
--@ codec
local instance, about = ARGV[1], ARGV[2]
local time = clock()
local now = time_bytes(time)
local known = call('HGET', KEYS[1], instance)
local beat, since = 1, now
if known then
  beat = unpick('>I8', known) + 1
  since = sub(known, 9, 15)
end

local ids, answer = {}, {call('HLEN', KEYS[3]), time}
for at = 3, #ARGV, 2 do ids[#ids + 1] = ARGV[at] end
local held = read_many('HMGET', KEYS[3], ids)
local cancels = #ids > 0 and call('HLEN', KEYS[4]) > 0 and read_many('HMGET', KEYS[4], ids) or {}
for index = 1, #ids do
  local record = held[index]
  if not record or sub(record, 1, 8) ~= ARGV[2 * index + 2] then
    answer[index + 2] = 'l'
  elseif cancels[index] then
    answer[index + 2] = 'c' .. cancels[index]
  else
    answer[index + 2] = 'k'
  end
end

if not known then call('HSET', KEYS[5], 'i/' .. instance, 1) end
call('HSET', KEYS[1], instance, pack('>I8', beat) .. since .. now)
if call('HGET', KEYS[2], instance) ~= about then call('HSET', KEYS[2], instance, about) end
return answer
