-- The changes that people made. An activity is a field with its number: when it was made, how many
-- jobs it changed, and the rest as the caller tells it. A caller takes the number before it begins,
-- so it has the same one when an answer was lost and it asks again. What an activity changed stands
-- in the set of subjects twice, so that it is found from both sides: under j and the id, or q and
-- the queue, then the number; and under n and the number, then the same.
local ACTIVITIES_MAX, CHANGED_MAX = 10000, 100000

local function note(activity, number, told, at)
  if call('HSETNX', activity, number, time_bytes(at) .. pack('>I4', 0) .. told) == 0 then return end
  -- Numbers that nobody has used are forgotten as well, maybe this one.
  local first = call('HGET', activity, '#first')
  if first and tonumber(first) > number then call('HSET', activity, '#first', number) end
end

-- Notes what an activity changed: texts that begin with j or q.
local function note_changed(activity, subjects, number, changed)
  local row = call('HGET', activity, number)
  if not row or #changed == 0 then return end
  local bytes, members = pack('>I8', number), {}
  local jobs = 0
  for _, subject in ipairs(changed) do
    if sub(subject, 1, 1) == 'j' then jobs = jobs + 1 end
    for _, member in ipairs({subject .. bytes, 'n' .. bytes .. subject}) do
      members[#members + 1], members[#members + 2] = '0', member
    end
  end
  local before = unpick('>I4', row, 8)
  call('HSET', activity, number, sub(row, 1, 7) .. pack('>I4', before + jobs) .. sub(row, 12))
  call('HINCRBY', activity, '#changed', #changed)
  write_many('ZADD', subjects, members)
end

-- Forgets the oldest activities: those before this time, and those beyond the number that is kept.
local function forget_activities(activity, subjects, upto, most)
  local bounds = call('HMGET', activity, '#first', '#last', '#changed')
  local first, last = tonumber(bounds[1] or 1), tonumber(bounds[2] or 0)
  local changed = tonumber(bounds[3] or 0)
  for _ = 1, most do
    local row = call('HGET', activity, first)
    local is_beyond = last - first >= ACTIVITIES_MAX or changed > CHANGED_MAX
    if first > last or row and not is_beyond and unpick('>I7', row) > upto then return end
    local bytes = pack('>I8', first)
    local from = 'n' .. bytes
    local found = call('ZRANGEBYLEX', subjects, '[' .. from, '(' .. from .. '\255', 'LIMIT', 0, 500)
    local members = {}
    for _, member in ipairs(found) do
      members[#members + 1], members[#members + 2] = member, sub(member, 10) .. bytes
    end
    if #found > 0 then
      write_many('ZREM', subjects, members)
      changed = call('HINCRBY', activity, '#changed', -#found)
    end
    if #found == 500 then return end
    call('HDEL', activity, first)
    first = first + 1
    call('HSET', activity, '#first', first)
  end
end
