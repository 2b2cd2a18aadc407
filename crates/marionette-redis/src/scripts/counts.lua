-- Counts the jobs that wait, lane by lane: it leaps from the first job of a lane to the next lane.
-- A store with few lanes is counted as a whole, in one call.
-- flags: no-writes
-- keys: 1 waiting, 2 retrying, 3 counts of ended jobs, 4 instances; then what each of the instances
--   has
-- arguments: the lane after which it begins or nothing, the most lanes, how long jobs have to be
--   due to count as due, w to count the whole store or nothing; then groups that are passed over
-- answer: the lane after which the next call begins or nothing; for each lane its name, how many
--   jobs are due, how many are not, and how many of the latter failed before, in one list. For the
--   whole also the counts of ended jobs, and for each place how many jobs run; both are missing if
--   there are too many for one call; and nothing at all if these are not all instances
-- cost: O(lanes x log waiting + places + jobs that run), the last two at most 1,000
--@ codec
local OTHERS_MAX = 1000
local after, most, is_whole = ARGV[1], tonumber(ARGV[2]), ARGV[4] == 'w'
if is_whole and call('HLEN', KEYS[4]) ~= #KEYS - 4 then return {false} end
local upto, passed_over, lanes = time_bytes(clock() + 1 - ARGV[3]), {}, {}
for index = 5, #ARGV do passed_over[ARGV[index]] = true end

-- How many jobs run in each place; nothing if there are too many.
local function running()
  local places, left = {}, OTHERS_MAX
  for key = 5, #KEYS do
    left = left - call('HLEN', KEYS[key])
    if left < 0 then return false end
    for index, record in ipairs(call('HGETALL', KEYS[key])) do
      -- What it has of a job: token (8), started (7), then the member, which begins with its place.
      if index % 2 == 0 then
        local place = sub(record, 16, 20)
        places[place] = (places[place] or 0) + 1
      end
    end
  end
  local list = {}
  for place, jobs in pairs(places) do list[#list + 1], list[#list + 2] = place, jobs end
  return list
end

for _ = 1, most do
  local from = after == '' and '-' or '(' .. after .. '\255'
  local first = call('ZRANGEBYLEX', KEYS[1], from, '+', 'LIMIT', 0, 1)[1]
  if not first then
    after = ''
    break
  end
  if passed_over[sub(first, 1, 2)] then
    after = sub(first, 1, 2) .. string.rep('\255', 4)
  else
    after = sub(first, 1, 6)
    local border, past = after .. upto, '(' .. after .. '\255'
    local count = #lanes
    lanes[count + 1] = after
    lanes[count + 2] = call('ZLEXCOUNT', KEYS[1], '[' .. after, '(' .. border)
    lanes[count + 3] = call('ZLEXCOUNT', KEYS[1], '[' .. border, past)
    lanes[count + 4] = lanes[count + 3] > 0 and call('ZLEXCOUNT', KEYS[2], '[' .. border, past) or 0
  end
end
if not is_whole or after ~= '' then return {after, lanes, false, false} end
local ended = call('HLEN', KEYS[3]) <= OTHERS_MAX and call('HGETALL', KEYS[3])
return {after, lanes, ended, running()}
