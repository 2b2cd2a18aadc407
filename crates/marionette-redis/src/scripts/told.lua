-- Tells of some activities, at most 50 in a call.
-- flags: no-writes
-- keys: 1 activity, 2 subjects
-- arguments: the most jobs of each; the numbers of activities (8 bytes each)
-- answer: for each its row or nothing, and the jobs that it changed, as they stand in subjects
-- cost: O(activities x (log subjects + jobs))
--@ codec
local most, answer = tonumber(ARGV[1]), {}
for index = 2, #ARGV do
  local from = 'n' .. ARGV[index] .. 'j'
  local number = string.format('%.0f', unpick('>I8', ARGV[index]))
  answer[#answer + 1] = call('HGET', KEYS[1], number)
  answer[#answer + 1] = call('ZRANGEBYLEX', KEYS[2], '[' .. from, '(' .. from .. '\255', 'LIMIT', 0,
    most)
end
return answer
