-- Says whether jobs are due that a process wants, and notes that it is idle with its room for the
-- others. Room for 0 jobs takes it from the list. Also tells another process of jobs.
-- flags: allow-oom
-- keys: 1 names, 2 waiting, 3 hints, 4 hints of suspects, 5 idle, 6 rooms
-- arguments: process, channel, random process, room, the most jobs that are counted; how many jobs
--   are handed on, their kind, their queue; number of groups, number of queues (0 for all); the
--   groups as priority/kind; the queues; the scopes, as kind/queue/process
-- answer: stamp of the groups; how many jobs are due; when the next is due, or nothing; now; 1 if a
--   suspect may be due
-- cost: O(groups x queues + scopes + most jobs)
--@ codec
--@ wake
local process, room, most = ARGV[1], tonumber(ARGV[4]), tonumber(ARGV[5])
local group_count, queue_count = tonumber(ARGV[9]), tonumber(ARGV[10])
local now = clock()
local fields = {'#s', '#v', '#x'}
for index = 11, 10 + group_count do fields[#fields + 1] = 'g/' .. ARGV[index] end
for index = 11 + group_count, 10 + group_count + queue_count do
  fields[#fields + 1] = 'q/' .. ARGV[index]
end
local numbers = call('HMGET', KEYS[1], unpack(fields))
local wrong = wrong_layout(numbers[2])
if wrong then return wrong end
local scopes = {}
for index = 11 + group_count + queue_count, #ARGV do
  scopes[#scopes + 1], scopes[#scopes + 2] = 0, ARGV[index]
end

local next_due, due_count, has_suspects = nil, 0, 0
local function note_next(due)
  if not next_due or due < next_due then next_due = due end
end

-- Counts the jobs of a lane that are due, and notes when the next one is. A suspect that is due may
-- be one that the process must not have now.
local function look(lane, is_suspect)
  local behind = lane .. time_bytes(now + 1)
  local left = is_suspect and 1 or most - due_count
  local due = call('ZRANGEBYLEX', KEYS[2], '[' .. lane, '(' .. behind, 'LIMIT', 0, left)
  if not is_suspect then
    due_count = due_count + #due
  elseif #due > 0 then
    has_suspects = 1
  end
  local upto = '(' .. lane .. '\255'
  local later = call('ZRANGEBYLEX', KEYS[2], '[' .. behind, upto, 'LIMIT', 0, 1)[1]
  if later then note_next(unpick('>I7', later, 7)) end
end

-- Looks at the first lanes of a group. A hint may be too early, so they are looked at; the fifth
-- counts as it is.
local function look_at_group(hints, group, low, is_suspect)
  local upto = hint(group, 0) + SPAN - 1
  local lanes = call('ZRANGEBYSCORE', hints, low, upto, 'WITHSCORES', 'LIMIT', 0, 5)
  for index = 1, #lanes, 2 do
    local early = (lanes[index + 1] - hint(group, 0)) * UNIT
    if due_count >= most or (early > now and next_due and early > next_due) then return end
    if index < 9 then
      look(lanes[index], is_suspect)
    elseif early > now then
      note_next(early)
    elseif not is_suspect then
      due_count = due_count + 1
    end
  end
end

for _, hints in ipairs(numbers[3] and {KEYS[3], KEYS[4]} or {KEYS[3]}) do
  local is_suspect = hints == KEYS[4]
  for index = 4, group_count + 3 do
    local group = numbers[index]
    if due_count >= most then break end
    if group and queue_count == 0 then
      local low = hint(group, 0)
      if is_suspect then
        local border = low + math.floor(now / UNIT)
        if #call('ZRANGEBYSCORE', hints, low, border, 'LIMIT', 0, 1) > 0 then has_suspects = 1 end
        low = border
      end
      look_at_group(hints, group, low, is_suspect)
    elseif group then
      for queue = group_count + 4, #fields do
        local mark = is_suspect and '1' or '0'
        local lane = numbers[queue] and group .. sub(numbers[queue], 1, 3) .. mark
        if lane and call('ZSCORE', hints, lane) then look(lane, is_suspect) end
      end
    end
  end
end

-- The jobs that this process hands on are for others alone.
local jobs = tonumber(ARGV[6])
if room == 0 or jobs > 0 then
  call('HDEL', KEYS[6], process)
  if call('HLEN', KEYS[6]) == 0 then
    call('HDEL', KEYS[1], '#i')
  elseif jobs > 0 then
    wake(KEYS[1], KEYS[5], KEYS[6], ARGV[2], ARGV[3], ARGV[7], ARGV[8], jobs)
  end
  for index = 2, room == 0 and #scopes or 0, 2 do call('ZREM', KEYS[5], scopes[index]) end
end
if room > due_count then
  call('HSET', KEYS[6], process, room - due_count)
  call('HSETNX', KEYS[1], '#i', 1)
  if #scopes > 0 then write_many('ZADD', KEYS[5], scopes) end
end
return {numbers[1] or '', due_count, next_due or '', now, has_suspects}
