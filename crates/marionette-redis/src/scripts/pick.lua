-- Which jobs a claim gets. `now`, `numbers`, `suspects`, `group_count` and `queue_count` are
-- variables of the script that this is a part of; `next_due` and `more` are set here.
local WAITING, LANES_MAX = KEYS[4], 127
local next_due, more = nil, false
local function note_next(due)
  if not next_due or due < next_due then next_due = due end
end

-- The lanes of the group at `at` that have a hint, with it: the earliest first.
local function hinted(hints, at, low, mark, most)
  if queue_count == 0 then
    return call('ZRANGEBYSCORE', hints, low, low + SPAN - 1, 'WITHSCORES', 'LIMIT', 0, most + 1)
  end
  local named, first, last = {}, 1, queue_count
  -- A number below zero: each group has one queue, at the same place.
  if queue_count < 0 then first, last = at, at end
  for index = first, last do
    local queue = numbers[5 + group_count + index]
    if queue then named[#named + 1] = numbers[5 + at] .. sub(queue, 1, 3) .. mark end
  end
  local scores, found, flat = read_many('ZMSCORE', hints, named), {}, {}
  for index, lane in ipairs(named) do
    if scores[index] then found[#found + 1] = {lane, tonumber(scores[index])} end
  end
  table.sort(found, function(one, other) return one[2] < other[2] end)
  for index, pair in ipairs(found) do flat[2 * index - 1], flat[2 * index] = pair[1], pair[2] end
  return flat
end

-- Adds the lanes of a group in which a job may be due, those first that are due for longest: some
-- more than could be needed if all hints were right. Notes from when on others may have jobs.
local function add_lanes(lanes, hints, at, mark, most)
  most = math.min(most + 8, LANES_MAX)
  local low = hint(numbers[5 + at], 0)
  local found = hinted(hints, at, low, mark, most)
  for index = 1, #found, 2 do
    local score = tonumber(found[index + 1]) - low
    if score > math.floor(now / UNIT) then return note_next(score * UNIT) end
    if index > 2 * most then
      lanes.beyond = math.min(lanes.beyond or math.huge, score * UNIT)
      return
    end
    lanes[#lanes + 1] = {name = found[index], hints = hints, score = score, mark = mark}
  end
end

-- Due members of a lane, the first ones. Notes the last of them, and when the one behind it is due.
local function front_of(lane, most)
  if lane.mark == '1' then most = math.min(most, suspects) end
  local name = lane.name
  local members = call('ZRANGEBYLEX', WAITING, '[' .. name, '(' .. name .. '\255', 'LIMIT', 0,
    most + 1)
  local low, high = 0, #members
  while low < high do
    local middle = math.ceil((low + high) / 2)
    if unpick('>I7', members[middle], 7) <= now then low = middle else high = middle - 1 end
  end
  low = math.min(low, most)
  lane.last, lane.behind = members[low], members[low + 1] and unpick('>I7', members[low + 1], 7)
  lane.is_empty = low == 0
  for index = #members, low + 1, -1 do members[index] = nil end
  return members
end

-- Reads the fronts of lanes, which come in the order of their hints, until they have `left` jobs
-- that are due before any that was not read. Returns the jobs, and from when on there may be others.
local function fronts_of(lanes, left)
  local each, jobs, border = math.ceil(left / #lanes) + 8, {}, lanes.beyond or math.huge
  local sure, dubious = 0, suspects
  for index, lane in ipairs(lanes) do
    if sure >= left and lane.score > lanes[index - 1].score then
      return jobs, math.min(border, lane.score * UNIT)
    end
    local members = front_of(lane, each)
    for place, member in ipairs(members) do
      local due, one, two, three = unpick('>I7I6I6I4', member, 7)
      jobs[#jobs + 1] = {member = member, due = due, id = {one, two, three}, mark = lane.mark}
      -- Beyond the last that was read, this lane may have jobs which go before those of others.
      if place == each then border = math.min(border, due) end
      -- A hint may be too early. Suspects beyond those that are asked for do not count.
      if place == 1 and math.floor(due / UNIT) <= lane.score then
        if lane.mark == '1' then dubious = dubious - 1 end
        if lane.mark == '0' or dubious >= 0 then sure = sure + 1 end
      end
    end
  end
  return jobs, border
end

-- Adds due members of these lanes in the order in which they are given: up to `left`.
local function merge(lanes, left, chosen)
  local jobs, border = fronts_of(lanes, left)
  if border < math.huge then more = true end
  -- By all bytes of the id: what is taken from a lane has to be the first of it.
  table.sort(jobs, function(one, other)
    if one.due ~= other.due then return one.due < other.due end
    for part = 1, 3 do
      if one.id[part] ~= other.id[part] then return one.id[part] < other.id[part] end
    end
    return false
  end)
  for _, job in ipairs(jobs) do
    -- At least one is chosen, so who asks again gets all in the end.
    if left == 0 or job.due > border and #chosen > 0 then more = true break end
    local is_suspect = job.mark == '1'
    if not is_suspect or suspects > 0 then
      if is_suspect then suspects = suspects - 1 end
      left = left - 1
      chosen[#chosen + 1] = job.member
    end
  end
  return left
end

-- Chooses members. Also returns the lanes that it has looked into.
local function choose(left)
  local chosen, looked, at = {}, {}, 1
  while at <= group_count and left > 0 and not more do
    local priority, lanes = string.match(ARGV[9 + at], '^[^/]+'), {}
    while at <= group_count and string.match(ARGV[9 + at], '^[^/]+') == priority do
      if numbers[5 + at] then
        add_lanes(lanes, KEYS[5], at, '0', left)
        if suspects > 0 then add_lanes(lanes, KEYS[6], at, '1', math.min(left, suspects)) end
      end
      at = at + 1
    end
    if #lanes == 1 and #chosen == 0 then
      chosen = front_of(lanes[1], left)
      left = left - #chosen
      if lanes[1].mark == '1' then suspects = suspects - #chosen end
    elseif #lanes > 0 then
      table.sort(lanes, function(one, other) return one.score < other.score end)
      for index = #lanes, LANES_MAX + 1, -1 do
        lanes.beyond = math.min(lanes.beyond or math.huge, lanes[index].score * UNIT)
        lanes[index] = nil
      end
      left = merge(lanes, left, chosen)
    end
    for _, lane in ipairs(lanes) do looked[#looked + 1] = lane end
  end
  return chosen, looked
end
