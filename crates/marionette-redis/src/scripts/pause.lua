-- Pauses or resumes a queue.
-- flags: allow-oom
-- keys: 1 names, 2 waiting, 3 hints, 4 hints of suspects, 5 paused, 6 idle, 7 rooms, 8 activity,
--   9 subjects
-- arguments: channel, random process, p to pause or r to resume, the queue, the person as the store
--   keeps it, what is told of the activity
-- answer: 1 if the queue was changed, else 0
-- cost: O(groups x log waiting)
--@ codec
--@ wake
--@ activity
local name, now = ARGV[4], clock()
local numbers = call('HMGET', KEYS[1], 'q/' .. name, '#q', '#g', '#v')
local wrong = wrong_layout(numbers[4])
if wrong then return wrong end
local queue, groups = numbers[1], tonumber(numbers[3] or 0)
local is_paused = queue and #queue > 3
if is_paused == (ARGV[3] == 'p') or not queue and ARGV[3] == 'r' then return 0 end
if not queue then
  local number = tonumber(numbers[2] or 0) + 1
  queue = pack('>I3', number)
  call('HSET', KEYS[1], '#q', number, 'Q' .. queue, name)
end
queue = sub(queue, 1, 3)

local lanes = {{KEYS[3], '0'}, {KEYS[4], '1'}}
if ARGV[3] == 'p' then
  call('HSET', KEYS[1], 'q/' .. name, queue .. '!')
  call('HSET', KEYS[5], queue, time_bytes(now) .. ARGV[5])
  for group = 1, groups do
    local place = pack('>I2', group) .. queue
    for _, lane in ipairs(lanes) do call('ZREM', lane[1], place .. lane[2]) end
  end
  if call('ZCARD', KEYS[4]) == 0 then call('HDEL', KEYS[1], '#x') end
else
  call('HSET', KEYS[1], 'q/' .. name, queue)
  call('HDEL', KEYS[5], queue)
  for group = 1, groups do
    for _, lane in ipairs(lanes) do
      local place = pack('>I2', group) .. queue .. lane[2]
      local from, upto = '[' .. place, '(' .. place .. '\255'
      local first = call('ZRANGEBYLEX', KEYS[2], from, upto, 'LIMIT', 0, 1)[1]
      if first then
        local kind = call('HGET', KEYS[1], 'G' .. sub(place, 1, 2)) or ''
        if lane[2] == '1' then call('HSETNX', KEYS[1], '#x', 1) end
        call('ZADD', lane[1], hint(place, unpick('>I7', first, 7)), place)
        local ready = call('ZLEXCOUNT', KEYS[2], from, '(' .. place .. time_bytes(now + 1))
        if call('HLEN', KEYS[7]) > 0 then
          kind = string.match(kind, '/(.*)$') or ''
          wake(KEYS[1], KEYS[6], KEYS[7], ARGV[1], ARGV[2], kind, name, ready)
        end
      end
    end
  end
end
local number = call('HINCRBY', KEYS[8], '#last', 1)
note(KEYS[8], number, ARGV[6], now)
note_changed(KEYS[8], KEYS[9], number, {'q' .. name .. '/'})
forget_activities(KEYS[8], KEYS[9], 0, 100)
return 1
