-- Ends. A row of an end: state, kind, flags, token, instance, started, ended, nanoseconds of the
-- attempt; then the result, or the reason. The list of done jobs has when each ended, its place
-- (group and queue) and its id, in the order in which they ended.
local SETTLED, TRIED, SAID, KEPT = 1, 2, 4, 8
local NO_TIME = string.rep('\0', 8)

-- Whether this lease was settled before, and its job not claimed since.
local function was_settled(ends, states, id, token, instance)
  local row, fence = call('HGET', ends, id), token .. instance
  if row and sub(row, 4, 27) == fence then return string.byte(row, 3) % 2 == 1 end
  row = call('HGET', states, id)
  return row and sub(row, 1, 24) == fence and string.byte(row, 25) == 1
end

-- Adds to the number of ended jobs of a state and a place.
local function add_to(tally, state, place, count)
  local field = state .. place
  tally[field] = (tally[field] or 0) + count
end

local function write_tally(counts, tally)
  for field, count in pairs(tally) do call('HINCRBY', counts, field, count) end
end

-- Tells who awaits these jobs that they have ended: the names of processes, each of 16 letters.
local function tell_ended(awaited, channel, ids)
  if #ids == 0 or call('HLEN', awaited) == 0 then return end
  local heard = {}
  for index, processes in ipairs(read_many('HMGET', awaited, ids)) do
    if processes then
      for first = 1, #processes, 16 do
        call('SPUBLISH', channel .. sub(processes, first, first + 15), 'e ' .. ids[index])
      end
      heard[#heard + 1] = ids[index]
    end
  end
  if #heard > 0 then write_many('HDEL', awaited, heard) end
end

-- Forgets jobs that have ended: all but their places in lists.
local function forget(bodies, states, attempts, ends, ids)
  if #ids == 0 then return end
  local with, fields = {}, {}
  for index, row in ipairs(read_many('HMGET', states, ids)) do
    if row then
      local _, _, _, _, _, _, _, _, history = unpick(STATE, row)
      with[#with + 1] = ids[index]
      for _, field in ipairs(attempt_fields(ids[index], history)) do fields[#fields + 1] = field end
    end
  end
  if #with > 0 then write_many('HDEL', states, with) end
  if #fields > 0 then write_many('HDEL', attempts, fields) end
  write_many('HDEL', bodies, ids)
  write_many('HDEL', ends, ids)
end

-- Takes done jobs out of the list, the oldest first. Some in it may have been deleted.
local function take_done(done, gone, tally, count)
  local entries = count > 0 and call('LPOP', done, count) or {}
  local deleted = {}
  if entries and #entries > 0 and call('SCARD', gone) > 0 then
    deleted = read_many('SMISMEMBER', gone, entries)
  end
  local ids, away = {}, {}
  for index, entry in ipairs(entries or {}) do
    if deleted[index] == 1 then
      away[#away + 1] = entry
    else
      ids[#ids + 1] = sub(entry, 13, 28)
      add_to(tally, '4', sub(entry, 8, 12), -1)
    end
  end
  if #away > 0 then write_many('SREM', gone, away) end
  return ids
end
