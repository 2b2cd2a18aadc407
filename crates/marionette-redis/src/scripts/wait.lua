-- Notes that a process is idle, unless a job is due that it wants. Room for 0 jobs takes it from
-- the list, as when it stops.
-- flags: allow-oom
-- keys: 1 names, 2 waiting, 3 hints, 4 hints of suspects, 5 idle, 6 rooms
-- arguments: process, room, number of groups, number of queues (0 for all); the groups as
--   priority/kind; the queues; the scopes, as kind/queue/process
-- answer: stamp of the groups; 0 if a job is due, else when the next is due, or nothing; now
-- cost: O(groups x queues + scopes)
--@ codec
local process, room = ARGV[1], tonumber(ARGV[2])
local group_count, queue_count = tonumber(ARGV[3]), tonumber(ARGV[4])
local now = clock()
local fields = {'#s'}
for index = 5, 4 + group_count do fields[#fields + 1] = 'g/' .. ARGV[index] end
for index = 5 + group_count, 4 + group_count + queue_count do
  fields[#fields + 1] = 'q/' .. ARGV[index]
end
local numbers = call('HMGET', KEYS[1], unpack(fields))
local scopes = {}
for index = 5 + group_count + queue_count, #ARGV do
  scopes[#scopes + 1], scopes[#scopes + 2] = 0, ARGV[index]
end
if room == 0 then
  call('HDEL', KEYS[6], process)
  if call('HLEN', KEYS[6]) == 0 then call('HDEL', KEYS[1], '#i') end
  for index = 2, #scopes, 2 do call('ZREM', KEYS[5], scopes[index]) end
  return {numbers[1] or '', '', now}
end

-- The first time in this lane after which a job is due that this process may not know of.
local next_due
local function look(hints, lane, is_suspect)
  local first = call('ZRANGEBYLEX', KEYS[2], '[' .. lane, '(' .. lane .. '\255', 'LIMIT', 0, 1)[1]
  local due = first and unpick('>I7', first, 7)
  -- A suspect that is due may be one that the process must not have now.
  if due and not (is_suspect and due <= now) then
    next_due = math.min(next_due or due, due)
  end
end
for _, hints in ipairs({KEYS[3], KEYS[4]}) do
  for group = 2, group_count + 1 do
    local number, is_suspect = numbers[group], hints == KEYS[4]
    if number and queue_count == 0 then
      local low = hint(number, 0)
      if is_suspect then low = low + math.floor(now / UNIT) end
      local lanes = call('ZRANGEBYSCORE', hints, low, hint(number, 0) + SPAN - 1, 'WITHSCORES',
        'LIMIT', 0, 5)
      -- A hint may be too early, so it takes a look; the fifth counts as it is.
      for index = 1, #lanes, 2 do
        local early = (lanes[index + 1] - hint(number, 0)) * UNIT
        if next_due and early > next_due then break end
        if index < 9 then look(hints, lanes[index], is_suspect) else next_due = early end
      end
    elseif number then
      for queue = group_count + 2, #fields do
        local mark = is_suspect and '1' or '0'
        local lane = numbers[queue] and number .. sub(numbers[queue], 1, 3) .. mark
        if lane and call('ZSCORE', hints, lane) then look(hints, lane, is_suspect) end
      end
    end
  end
end
if next_due and next_due <= now then return {numbers[1] or '', 0, now} end
call('HSET', KEYS[6], process, room)
call('HSETNX', KEYS[1], '#i', 1)
if #scopes > 0 then write_many('ZADD', KEYS[5], scopes) end
return {numbers[1] or '', next_due or '', now}
