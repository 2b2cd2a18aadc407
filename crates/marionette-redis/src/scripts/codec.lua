-- What all scripts share: times, bulk calls, and the place of a job among those that wait.
--
-- A time is a number of microseconds since 1970; stored, it has seven bytes that sort as it does.
-- A lane is six bytes: the group of its jobs (kind and priority, 2), their queue (3), and the mark
-- 1 for suspects, else 0. A member of the set of waiting jobs is lane, due time, id and flags; so
-- the set has lane after lane, and each lane has the job first that has been due for longest.
-- Lua compares strings by the locale of the server, so only numbers are ever compared here.
-- The version of this layout. Who meets another one stops.
local LAYOUT = '1'
local call, sub, pack, unpick = redis.call, string.sub, struct.pack, struct.unpack

local TIME_MAX = 9007199254740991
-- Ids of version 7 begin with the milliseconds of their time. Once a job waits that is due more
-- than a minute before that, or whose id tells no time, the names have the field #w: then the order
-- in which jobs are due says nothing of that of their ids.
local MINUTE = 60000000
-- The flags of a member: the job has a row of state; its body is long.
local STATE_FLAG, LONG_FLAG, LONG = 1, 2, 16384
-- A row of state: token, instance, settled, started, due, first due, failed, crashes, history.
local STATE, STATE_BYTES = '>c8c16BI7I7I7I4I4I4', 58
-- What an instance has of a job that runs: token, started, and the member that it was.
local HELD = '>c8I7c6I7c16B'
-- Hints of when lanes are due: the number of the group, then the time in units of 8 ms.
local SPAN, UNIT, GROUPS_MAX = 1099511627776, 8000, 8191

-- What is wrong with the names, if something is: the server was emptied, or has another layout.
local function wrong_layout(version)
  if version == LAYOUT then return nil end
  return redis.error_reply(version and 'LAYOUT ' .. version or 'EMPTY there is no store')
end

-- Now, by the clock of the server.
local function clock()
  local time = call('TIME')
  return time[1] * 1000000 + time[2]
end

-- The nearest time that can be stored.
local function clamp(time)
  return math.max(0, math.min(time, TIME_MAX))
end

local function time_bytes(time)
  return pack('>I7', clamp(time))
end

-- The score of a lane in the set of hints.
local function hint(lane, due)
  local high, low = string.byte(lane, 1, 2)
  return (high * 256 + low) * SPAN + math.min(math.floor(clamp(due) / UNIT), SPAN - 1)
end

-- Reads many fields, a thousand in each call: Lua's stack holds no more than some thousand.
local function read_many(command, key, fields)
  local count = #fields
  if count == 0 then return {} end
  if count <= 1000 then return call(command, key, unpack(fields)) end
  local all = {}
  for first = 1, count, 1000 do
    local part = call(command, key, unpack(fields, first, math.min(first + 999, count)))
    for index = 1, #part do all[first + index - 1] = part[index] end
  end
  return all
end

-- Writes many values. Pairs stay together, since a thousand is even.
local function write_many(command, key, values)
  local last = 0
  for first = 1, #values, 1000 do
    last = call(command, key, unpack(values, first, math.min(first + 999, #values)))
  end
  return last
end

-- When a job is due: at once (n), after a time (a), or at a time (t).
local function due_of(how, value, now)
  if how == 'n' then return now end
  return clamp(how == 'a' and now + value or tonumber(value))
end

-- The fields of the attempts of a job that are kept: the first 5 and the last 20.
local function attempt_fields(id, history)
  local fields = {}
  for number = 1, math.min(5, history) do fields[#fields + 1] = id .. pack('>I4', number) end
  for number = math.max(6, history - 19), history do
    fields[#fields + 1] = id .. pack('>I4', number)
  end
  return fields
end
