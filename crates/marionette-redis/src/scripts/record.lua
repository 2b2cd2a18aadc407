-- Replaces a record, if it is still as its writer has seen it.
-- flags: allow-oom
-- keys: 1 names, 2 the records of one shelf
-- arguments: the key of the record; 1 and what its writer has seen, or 0 and nothing; 1 and the new
--   value, or 0 and nothing
-- answer: 1 if it is as its writer wants it, also if it was already: a call may be sent again
-- cost: O(1)
--@ codec
local wrong = wrong_layout(call('HGET', KEYS[1], '#v'))
if wrong then return wrong end
local seen = ARGV[2] == '1' and ARGV[3]
local new = ARGV[4] == '1' and ARGV[5]
local now = call('HGET', KEYS[2], ARGV[1])
if now == new then return 1 end
if now ~= seen then return 0 end
if new then call('HSET', KEYS[2], ARGV[1], new) else call('HDEL', KEYS[2], ARGV[1]) end
return 1
