-- Takes jobs from an instance that was seen to be dead, and forgets it once it has none.
-- flags: allow-oom
-- keys: those of settle.lua up to 16; 17 instances, 18 what they tell, 19 what this one has
-- arguments: channel, random process, instance, its last beat that was seen (8 bytes), the most
--   jobs, the reason of a quarantine
-- answer: how many wait again, were quarantined, and were cancelled; 1 if it may have more; or
--   nothing if it lives
-- cost: O(jobs x log waiting), at most the most jobs
--@ codec
--@ wake
--@ ends
--@ hands
--@ again
local instance, most = ARGV[3], tonumber(ARGV[5])
local known = call('HGET', KEYS[17], instance)
if known and sub(known, 1, 8) ~= ARGV[4] then return false end
local seen = known and unpick('>I7', known, 16) or now
-- In no order, and each once.
local fields = call('HRANDFIELD', KEYS[19], most, 'WITHVALUES')
local ids, records = {}, {}
for index = 1, #fields, 2 do
  ids[#ids + 1], records[#records + 1] = fields[index], fields[index + 1]
end
local states = read_many('HMGET', K.states, ids)
local cancels = read_many('HMGET', K.cancels, ids)

local waits, quarantined, cancelled = 0, 0, 0
for index, id in ipairs(ids) do
  local job = open_job(id, records[index], states[index], instance)
  local ran = math.max(0, seen - job.started) * 1000
  add_attempt(job, '8' .. pack('>I8', ran), false)
  job.crashes = job.crashes + 1
  if job.crashes >= 3 then
    finish(job, '7', 'q', ARGV[6], 0)
    quarantined = quarantined + 1
  elseif wait_again(job, cancels[index], 0) then
    waits = waits + 1
  else
    cancelled = cancelled + 1
  end
end

local left = call('HLEN', KEYS[19]) - #ids
if #ids > 0 then write_many('HDEL', KEYS[19], ids) end
if left == 0 then
  call('HDEL', KEYS[17], instance)
  call('HDEL', KEYS[18], instance)
  call('HDEL', K.names, 'i/' .. instance)
end
write_all(ARGV[1], ARGV[2])
return {waits, quarantined, cancelled, left > 0 and 1 or 0}
