-- Forgets an instance that stops, unless it has a job.
-- flags: allow-oom
-- keys: 1 instances, 2 what they tell about themselves, 3 what this one has, 4 names
-- arguments: instance
-- answer: 1 if it is gone, 0 if it has a job
-- cost: O(1)
--@ codec
local wrong = wrong_layout(call('HGET', KEYS[4], '#v'))
if wrong then return wrong end
if call('HLEN', KEYS[3]) > 0 then return 0 end
call('HDEL', KEYS[1], ARGV[1])
call('HDEL', KEYS[2], ARGV[1])
call('HDEL', KEYS[4], 'i/' .. ARGV[1])
return 1
