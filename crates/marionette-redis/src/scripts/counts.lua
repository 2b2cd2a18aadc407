-- Counts the jobs that wait, lane by lane: it leaps from the first job of a lane to the next lane.
-- flags: no-writes
-- keys: 1 waiting, 2 retrying
-- arguments: the lane after which it begins or nothing, the most lanes, how long jobs have to be
--   due to count as due
-- answer: the lane after which the next call begins or nothing; for each lane its name, how many
--   jobs are due, how many are not, and how many of the latter failed before
-- cost: O(lanes x log waiting)
--@ codec
local after, most = ARGV[1], tonumber(ARGV[2])
local upto, answer = time_bytes(clock() + 1 - ARGV[3]), {''}
for _ = 1, most do
  local from = after == '' and '-' or '(' .. after .. '\255'
  local first = call('ZRANGEBYLEX', KEYS[1], from, '+', 'LIMIT', 0, 1)[1]
  if not first then return answer end
  after = sub(first, 1, 6)
  local border, past = after .. upto, '(' .. after .. '\255'
  local count = #answer
  answer[count + 1] = after
  answer[count + 2] = call('ZLEXCOUNT', KEYS[1], '[' .. after, '(' .. border)
  answer[count + 3] = call('ZLEXCOUNT', KEYS[1], '[' .. border, past)
  answer[count + 4] = call('ZLEXCOUNT', KEYS[2], '[' .. border, past)
end
answer[1] = after
return answer
