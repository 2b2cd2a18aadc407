-- Says how jobs have ended, as many as one answer holds, and notes which process awaits the others:
-- of those that do, the last 8 are told.
-- flags: allow-oom
-- keys: 1 ends, 2 bodies, 3 awaited
-- arguments: process that is told of the end, or nothing; ids
-- answer: for each job the row of its end, w if it has not ended, or - if it is not known
-- cost: O(jobs)
local answer, bytes, awaited = {}, 0, {}
for index = 2, #ARGV do
  local id = ARGV[index]
  local row = redis.call('HGET', KEYS[1], id)
  if row then
    bytes = bytes + #row
  elseif redis.call('HEXISTS', KEYS[2], id) == 1 then
    row = 'w'
    awaited[#awaited + 1], awaited[#awaited + 2] = id, ARGV[1]
  end
  answer[#answer + 1] = row or '-'
  if bytes > 16777216 then break end
end
if ARGV[1] ~= '' and #awaited > 0 then
  if redis.call('HLEN', KEYS[3]) > 0 then
    for index = 1, #awaited, 2 do
      local others = redis.call('HGET', KEYS[3], awaited[index])
      if others and string.find(others, ARGV[1], 1, true) then
        awaited[index + 1] = others
      elseif others then
        awaited[index + 1] = string.sub(others .. ARGV[1], -8 * #ARGV[1])
      end
    end
  end
  for index = 1, #awaited, 1000 do
    redis.call('HSET', KEYS[3], unpack(awaited, index, math.min(index + 999, #awaited)))
  end
end
return answer
