-- Which jobs a claim gets. `now`, `numbers`, `suspects`, `group_count` and `queue_count` are
-- variables of the script that this is a part of; `next_due` and `more` are set here.
local WAITING = KEYS[4]
local next_due, more = nil, false
local function note_next(due)
  if not next_due or due < next_due then next_due = due end
end

-- Adds the lanes of a group in which a job may be due, those first that are due for longest: 127 at
-- most, since the next claim finds the others.
local function add_lanes(lanes, hints, group, mark, most)
  most = math.min(most, 127)
  local low = hint(group, 0)
  local border = low + math.floor(now / UNIT)
  local found = {}
  if queue_count == 0 then
    found = call('ZRANGEBYSCORE', hints, low, low + SPAN - 1, 'WITHSCORES', 'LIMIT', 0, most + 1)
  else
    local named = {}
    for index = 1, queue_count do
      local queue = numbers[5 + group_count + index]
      if queue then named[#named + 1] = group .. sub(queue, 1, 3) .. mark end
    end
    local scores = read_many('ZMSCORE', hints, named)
    for index, lane in ipairs(named) do
      if scores[index] then found[#found + 1], found[#found + 2] = lane, scores[index] end
    end
  end
  for index = 1, #found, 2 do
    local score = tonumber(found[index + 1])
    if score <= border then
      if index > 2 * most then more = true break end
      lanes[#lanes + 1] = {name = found[index], hints = hints, score = score - low, mark = mark}
    else
      note_next((score - low) * UNIT)
    end
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

-- Adds due members of these lanes in the order in which they are given: up to `left`.
local function merge(lanes, left, chosen)
  local each, jobs, border = math.ceil(left / #lanes) + 8, {}, math.huge
  for _, lane in ipairs(lanes) do
    local members = front_of(lane, each)
    for index, member in ipairs(members) do
      local due, high, low = unpick('>I7I6I6', member, 7)
      jobs[#jobs + 1] = {member = member, due = due, high = high, low = low, mark = lane.mark}
      -- Beyond the last that was read, this lane may have jobs which go before those of others.
      if index == each then border = math.min(border, due) end
    end
  end
  table.sort(jobs, function(one, other)
    if one.due ~= other.due then return one.due < other.due end
    if one.high ~= other.high then return one.high < other.high end
    return one.low < other.low
  end)
  for _, job in ipairs(jobs) do
    if left == 0 or job.due > border then more = true break end
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
      local group = numbers[5 + at]
      if group then
        add_lanes(lanes, KEYS[5], group, '0', left)
        if suspects > 0 then add_lanes(lanes, KEYS[6], group, '1', left) end
      end
      at = at + 1
    end
    if #lanes == 1 and #chosen == 0 then
      chosen = front_of(lanes[1], left)
      left = left - #chosen
      if lanes[1].mark == '1' then suspects = suspects - #chosen end
    elseif #lanes > 0 then
      table.sort(lanes, function(one, other) return one.score < other.score end)
      for index = #lanes, left + 1, -1 do lanes[index], more = nil, true end
      left = merge(lanes, left, chosen)
    end
    for _, lane in ipairs(lanes) do looked[#looked + 1] = lane end
  end
  return chosen, looked
end
