-- Accepts jobs that the store does not know yet. All or none: it looks first and writes last.
-- flags: none, so that a server whose memory is full refuses the whole call
-- keys: 1 names, 2 bodies, 3 waiting, 4 hints, 5 idle, 6 rooms
-- arguments: channel, random text, random process, the latest time that an id tells in milliseconds
--   (more than there are if an id tells none), 1 if an id comes twice or 0, number of places; for
--   each place its priority, kind and queue; then runs of jobs: place, how and when due, limit of
--   the queue or -1, number of jobs, and for each of them id and body.
-- answer: A if all are accepted and no process is idle, a if all are and some is; else for each job
--   a letter: a accepted, k known with the same kind, queue and payload, t taken by another job,
--   f full
-- cost: O(jobs x log waiting), and O(groups x log waiting) for each queue with a limit
--@ codec
local NAMES, BODIES, WAITING, HINTS = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local ARGV, last = ARGV, #ARGV
local now = clock()

local newest = ARGV[4] * 1000
-- The bodies that are accepted, by their ids, if an id comes twice.
local accepted_bodies = ARGV[5] == '1' and {}
local count, at = tonumber(ARGV[6]), 7
local fields = {'#v', '#g', '#q', '#i'}
for place = 1, count do
  fields[2 * place + 3] = 'g/' .. ARGV[at] .. '/' .. ARGV[at + 1]
  fields[2 * place + 4] = 'q/' .. ARGV[at + 2]
  at = at + 3
end
local numbers = read_many('HMGET', NAMES, fields)
local wrong = wrong_layout(numbers[1])
if wrong then return wrong end

local ids, body_at, runs, job = {}, {}, at, 0
while at <= last do
  local behind = at + 4 + 2 * ARGV[at + 4]
  for index = at + 5, behind, 2 do
    job = job + 1
    ids[job], body_at[job] = ARGV[index], index + 1
  end
  at = behind + 1
end

-- The names in a body with their lengths, and its payload. What the client wrote of it begins
-- behind `from`.
local function told(body, from)
  local kind, queue = string.byte(body, from + 2, from + 3)
  if not queue then return '' end
  local names = from + 3 + kind + queue
  local options, payload = string.byte(body, names + 1), names + 2
  if options == 255 then options, payload = unpick('>I4', body, names + 2), names + 6 end
  return sub(body, from + 2, names), options and sub(body, payload + options)
end
local function compare(body, from, other)
  local names, payload = told(body, from)
  local other_names, other_payload = told(other, 0)
  return names == other_names and payload == other_payload and 'k' or 't'
end

-- A few bodies at a time, since they may be large.
local known = {}
for first = 1, job, 250 do
  local bodies = call('HMGET', BODIES, unpack(ids, first, math.min(first + 249, job)))
  for index = 1, #bodies do
    if bodies[index] then
      local at, from = first + index - 1, sub(bodies[index], 8, 8) == '0' and 8 or 15
      known[at] = compare(bodies[index], from, ARGV[body_at[at]])
    end
  end
end

-- A place that is new gets its numbers; the names know the way back too.
local groups, queues, new = tonumber(numbers[2] or 0), tonumber(numbers[3] or 0), {}
local given = {}
local function number_of(index, format, next_number)
  local name = fields[index]
  local number = numbers[index] or given[name]
  if number then return number, next_number - 1 end
  number = pack(format, next_number)
  given[name] = number
  for _, text in ipairs({name, number, string.upper(sub(name, 1, 1)) .. number, sub(name, 3)}) do
    new[#new + 1] = text
  end
  return number, next_number
end
local places = {}
for place = 1, count do
  local group, queue
  group, groups = number_of(2 * place + 3, '>I2', groups + 1)
  queue, queues = number_of(2 * place + 4, '>I3', queues + 1)
  -- A fourth byte marks a queue that is paused.
  places[place] = {lane = group .. sub(queue, 1, 3) .. '0', is_paused = #queue > 3}
end
if groups > GROUPS_MAX then return redis.error_reply('FULL there are too many kinds') end

-- How many jobs wait in a queue, whatever their kind; and how many of this call are accepted in it.
local counted, added = {}, {}
local function waiting_in(queue)
  local jobs = 0
  for group = 1, groups do
    local lane = pack('>I2', group) .. queue
    jobs = jobs + call('ZLEXCOUNT', WAITING, '[' .. lane, '(' .. lane .. '2')
  end
  return jobs
end

local rows, members, answers, row, is_ahead = {}, {}, {}, 0, false
local now_bytes = time_bytes(now)
at, job = runs, 0
while at <= last do
  local place, due = places[tonumber(ARGV[at])], due_of(ARGV[at + 1], ARGV[at + 2], now)
  local due_bytes = due == now and now_bytes or time_bytes(due)
  -- A body begins with when it was accepted, and when it is first due if that is not the same.
  local head = due == now and now_bytes .. '0' or now_bytes .. '1' .. due_bytes
  local front, limit, accepted = place.lane .. due_bytes, tonumber(ARGV[at + 3]), row
  local queue, behind = sub(place.lane, 3, 5), at + 4 + 2 * ARGV[at + 4]
  local room = math.huge
  if limit >= 0 then
    counted[queue] = counted[queue] or waiting_in(queue)
    room = limit - counted[queue] - (added[queue] or 0)
  end
  for index = at + 5, behind, 2 do
    job = job + 1
    local before = accepted_bodies and accepted_bodies[ARGV[index]]
    if known[job] then
      answers[job] = known[job]
    elseif before then
      answers[job] = compare(before, 0, ARGV[index + 1])
    elseif row - accepted >= room then
      answers[job] = 'f'
    else
      local id, body = ARGV[index], ARGV[index + 1]
      row = row + 1
      if accepted_bodies then accepted_bodies[id] = body end
      rows[2 * row - 1], rows[2 * row] = id, head .. body
      members[2 * row - 1] = '0'
      members[2 * row] = front .. id .. (#body > LONG and '\2' or '\0')
    end
  end
  accepted = row - accepted
  added[queue] = (added[queue] or 0) + accepted
  if accepted > 0 then
    place.first = math.min(place.first or due, due)
    if due + MINUTE < newest then is_ahead = true end
    if due <= now then place.ready = (place.ready or 0) + accepted end
  end
  at = behind + 1
end
local answer = numbers[4] and 'a' or 'A'
if row < job then
  for index = 1, job do answers[index] = answers[index] or 'a' end
  answer = table.concat(answers)
end
if row == 0 then return answer end

if #new > 0 then
  write_many('HSET', NAMES, new)
  call('HSET', NAMES, '#g', groups, '#q', queues)
  -- Whoever claims has to learn of a new group; queues are found by the hints.
  if groups > tonumber(numbers[2] or 0) then call('HSET', NAMES, '#s', ARGV[2]) end
end
if is_ahead then call('HSETNX', NAMES, '#w', 1) end
write_many('HSET', BODIES, rows)
write_many('ZADD', WAITING, members)
for _, place in ipairs(places) do
  if place.first and not place.is_paused then
    local value = hint(place.lane, place.first)
    place.is_sooner = call('ZADD', HINTS, 'LT', 'CH', value, place.lane) > 0
  end
end
if numbers[4] then
  --@ wake
  for index, place in ipairs(places) do
    local kind, queue = ARGV[3 * index + 5], ARGV[3 * index + 6]
    if place.ready and not place.is_paused then
      wake(NAMES, KEYS[5], KEYS[6], ARGV[1], ARGV[3], kind, queue, place.ready)
    elseif place.is_sooner then
      announce(KEYS[5], KEYS[6], ARGV[1], ARGV[3], kind, queue, place.first)
    end
  end
end
return answer
