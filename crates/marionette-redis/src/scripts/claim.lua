-- Gives an instance jobs that are due: the highest priority first, within a priority the job that
-- has been due for longest. Looks first, writes last.
-- flags: allow-oom
-- keys: 1 names, 2 bodies, 3 states, 4 waiting, 5 hints, 6 hints of suspects, 7 what the instance
--   has, 8 retrying, 9 attempts, 10 idle, 11 rooms
-- arguments: instance, limit (at most 1,000), most suspects, random number below 2^32, channel,
--   random process, stamp of the groups that the caller knows, number of groups, number of queues
--   (0 for all, below 0 if each group has one of its own); then the groups as priority/kind, the
--   highest priority first; then the queues. At most 1,000 groups x queues.
-- answer: only the stamp, nothing and 0 if there are other groups than the caller knows, since one
--   of them may go before the others. Else stamp of the groups; when the next job is due or nothing; 1 if more is due; the token of
--   all jobs, but for those below; members; bodies, each may be nothing; then for each job that was
--   claimed before its index, token, row of state and attempts
-- cost: O(groups + lanes with due jobs + jobs x log waiting); other lanes cost nothing
--@ codec
local BYTES_MAX = 16777216
local limit, suspects, random = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local group_count, queue_count = tonumber(ARGV[8]), tonumber(ARGV[9])
local now = clock()

local fields = {'#s', '#i', '#x', 'i/' .. ARGV[1], '#v'}
for index = 10, 9 + group_count do fields[#fields + 1] = 'g/' .. ARGV[index] end
for index = 10 + group_count, #ARGV do fields[#fields + 1] = 'q/' .. ARGV[index] end
local numbers = read_many('HMGET', KEYS[1], fields)
local wrong = wrong_layout(numbers[5])
if wrong then return wrong end
if not numbers[4] then return redis.error_reply('UNKNOWN instance') end
if numbers[1] ~= ARGV[7] then return {numbers[1] or '', '', 0} end
if not numbers[3] then suspects = 0 end
--@ pick
local members, looked = choose(limit)

-- Their bodies, as far as one answer holds them: up to 128 short ones in a call, or a long one.
local count, given, bytes, ids, bodies, asked = #members, 0, 0, {}, {}, {}
while given < count and bytes < BYTES_MAX do
  local first = given + 1
  repeat
    given = given + 1
    local member = members[given]
    local flags = string.byte(member, 30)
    ids[given] = sub(member, 14, 29)
    if flags % 2 == 1 then asked[#asked + 1] = given end
    local behind = members[given + 1]
  until flags > 1 or given - first == 127 or not behind or string.byte(behind, 30) > 1
  local part = call('HMGET', KEYS[2], unpack(ids, first, given))
  for index = 1, #part do
    local body = part[index]
    bodies[first + index - 1] = body
    if body then bytes = bytes + #body end
  end
end
for index = count, given + 1, -1 do members[index], more = nil, true end

local token = pack('>I8', now)
local answer = {numbers[1] or '', '', 0, token, members, bodies}
local rows, front, row = {}, token .. time_bytes(now), 0
-- A value of more than 64 bytes makes the server keep the hash as a table. The compact form is
-- searched from its start for each field: dear for what an instance has in hand.
local padding = string.rep('\0', 20)
for index = 1, given do
  -- A member without a body is none: it goes, and that is all.
  if bodies[index] then
    row = row + 2
    rows[row - 1], rows[row] = ids[index], front .. members[index] .. padding
  end
end

-- Those that were claimed before have a row of state, and may need a greater token.
local retried = {}
for _, index in ipairs(asked) do
  local id, own, attempts = ids[index], token, {}
  local state = call('HGET', KEYS[3], id)
  if state then
    local stored, _, _, _, _, _, failed, _, history = unpick('>I8' .. sub(STATE, 4), state)
    if stored >= now then
      own = pack('>I8', stored + 1 + (random + index * 2654435761) % 4294967296)
      for at = 1, row, 2 do
        if rows[at] == id then rows[at + 1] = own .. sub(rows[at + 1], 9) end
      end
    end
    if failed > 0 then retried[#retried + 1] = members[index] end
    if history > 0 then attempts = call('HMGET', KEYS[9], unpack(attempt_fields(id, history))) end
  end
  for _, value in ipairs({index, own, state or '', attempts}) do answer[#answer + 1] = value end
end

if row > 0 then write_many('HSET', KEYS[7], rows) end
if #retried > 0 then write_many('ZREM', KEYS[8], retried) end
local last_of = {}
if #looked == 1 then
  last_of[looked[1].name] = members[given]
else
  for index = 1, given do last_of[sub(members[index], 1, 6)] = members[index] end
end
for _, lane in ipairs(looked) do
  local name, last = lane.name, last_of[lane.name]
  if last then call('ZREMRANGEBYLEX', WAITING, '[' .. name, '[' .. last) end
  if last or lane.is_empty then
    local due = lane.behind
    -- Not all that was found in this lane was taken.
    if last ~= lane.last then
      local upto = '(' .. name .. '\255'
      local first = call('ZRANGEBYLEX', WAITING, '[' .. name, upto, 'LIMIT', 0, 1)[1]
      due = first and unpick('>I7', first, 7)
    end
    if due then
      call('ZADD', lane.hints, hint(name, due), name)
      if due > now then
        note_next(due)
      elseif lane.mark == '0' or suspects > 0 then
        more = true
      end
    else
      call('ZREM', lane.hints, name)
      if lane.mark == '1' and call('ZCARD', lane.hints) == 0 then call('HDEL', KEYS[1], '#x') end
    end
  end
end
-- Others may have been asleep when all of this became due.
if more and row > 0 and numbers[2] then
  --@ wake
  local name = looked[#looked].name
  local names = call('HMGET', KEYS[1], 'G' .. sub(name, 1, 2), 'Q' .. sub(name, 3, 5))
  local kind = string.match(names[1] or '', '/(.*)$') or ''
  wake(KEYS[1], KEYS[10], KEYS[11], ARGV[5], ARGV[6], kind, names[2] or '', 1)
end
answer[2], answer[3] = next_due or '', more and 1 or 0
return answer
