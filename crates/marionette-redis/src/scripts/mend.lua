-- Looks at some jobs and some lanes, and puts right what somebody or a lost right left half done: a
-- job that is in no place waits again, a lane without a hint gets one. Removes from the list of idle
-- processes those that are not idle, as the dead.
-- flags: allow-oom
-- keys: those of hands.lua; 17 bodies, 18 instances; then what each of the instances has
-- arguments: channel, random process, 1 to put right or 0 to tell only, the lane after which it
--   looks or nothing, the most lanes, how many jobs it picks at random, the member of the list of
--   idle processes after which it looks or nothing, number of instances, their ids; then ids of
--   jobs that it looks at too
-- answer: the lane, and the member, after which the next call looks, or nothing; how many lanes had
--   no hint; for each job that is in no place its id; or nothing if there are other instances than
--   these
-- cost: O(jobs x (log waiting + instances) + lanes x log waiting); reads up to 4 MiB
--@ codec
--@ wake
--@ ends
--@ hands
--@ again
local BYTES_MAX, MEMBERS = 4194304, 500
local is_to_mend, after = ARGV[3] == '1', ARGV[4]
local instance_count = tonumber(ARGV[8])
local instances = {}
for index = 1, instance_count do instances[index] = ARGV[8 + index] end
-- A job of an instance that came just now would seem to be in no place.
if call('HLEN', KEYS[18]) ~= instance_count then return false end
for _, known in ipairs(read_many('HMGET', KEYS[18], instances)) do
  if not known then return false end
end

local answer, bare = {'', '', 0}, {}
for _ = 1, tonumber(ARGV[5]) do
  local from = after == '' and '-' or '(' .. after .. '\255'
  local first = call('ZRANGEBYLEX', K.waiting, from, '+', 'LIMIT', 0, 1)[1]
  if not first then after = '' break end
  after = sub(first, 1, 6)
  local hints = sub(after, 6) == '1' and K.suspects or K.hints
  local due = #first < 13 and 0 or unpick('>I7', first, 7)
  local score = call('ZSCORE', hints, after)
  local is_paused = call('HEXISTS', K.paused, sub(after, 3, 5)) == 1
  if not is_paused and (not score or tonumber(score) > hint(after, due)) then
    bare[#bare + 1] = {hints, after, due}
  end
end
answer[1], answer[3] = after, #bare

-- Dead processes leave members under each kind and queue that they wanted.
local deaf, from = {}, ARGV[7] == '' and '-' or '(' .. ARGV[7]
local members = call('ZRANGEBYLEX', K.idle, from, '+', 'LIMIT', 0, MEMBERS)
for _, member in ipairs(members) do
  if call('HEXISTS', K.rooms, sub(member, -16)) == 0 then deaf[#deaf + 1] = member end
end
if #members == MEMBERS then answer[2] = members[MEMBERS] end

-- Whether an instance has the job.
local function is_held(id)
  for key = 19, #KEYS do
    if call('HEXISTS', KEYS[key], id) == 1 then return true end
  end
  return false
end

-- The job as it would wait, and how the member of the set of waiting jobs begins that it would be;
-- nothing if its rows cannot be read, which is for people.
local function waiting_job(id, body)
  local at = sub(body, 8, 8) == '1' and 16 or 9
  if #body < at + 2 then return end
  local priority, kind_bytes, queue_bytes = unpick('>bBB', body, at)
  local kind = sub(body, at + 3, at + 2 + kind_bytes)
  local queue = sub(body, at + 3 + kind_bytes, at + 2 + kind_bytes + queue_bytes)
  local numbers = call('HMGET', K.names, 'g/' .. priority .. '/' .. kind, 'q/' .. queue)
  if not numbers[1] or not numbers[2] then return end
  local job = {id = id, token = NO_TIME, instance = string.rep('\0', 16), started = 0, failed = 0,
    crashes = 0, history = 0, flags = #body - at + 1 > LONG and LONG_FLAG or 0}
  job.due = unpick('>I7', body, at == 16 and 9 or 1)
  job.first = job.due
  local state = call('HGET', K.states, id)
  if state then
    if #state ~= STATE_BYTES then return end
    local _
    job.token, job.instance, _, job.started, job.due, job.first, job.failed, job.crashes,
      job.history = unpick(STATE, state)
    job.flags = job.flags + STATE_FLAG
  end
  job.lane = numbers[1] .. sub(numbers[2], 1, 3) .. (job.crashes > 0 and '1' or '0')
  return job, job.lane .. time_bytes(job.due) .. id
end

local function is_waiting(start)
  return #call('ZRANGEBYLEX', K.waiting, '[' .. start, '(' .. start .. '\255', 'LIMIT', 0, 1) > 0
end

local picked, bytes = tonumber(ARGV[6]), 0
local ids = picked > 0 and call('HRANDFIELD', KEYS[17], picked) or {}
for index = 9 + instance_count, #ARGV do ids[#ids + 1] = ARGV[index] end
for _, id in ipairs(ids) do
  if bytes > BYTES_MAX then break end
  local body = call('HEXISTS', K.ends, id) == 0 and call('HGET', KEYS[17], id)
  if body then
    bytes = bytes + #body
    local job, start = waiting_job(id, body)
    if job and not is_waiting(start) and not is_held(id) then
      answer[#answer + 1] = id
      if is_to_mend then wait_again(job, call('HGET', K.cancels, id), 0) end
    end
  end
end
if is_to_mend then
  if #deaf > 0 then write_many('ZREM', K.idle, deaf) end
  write_all(ARGV[1], ARGV[2])
  for _, lane in ipairs(bare) do
    call('ZADD', lane[1], hint(lane[2], lane[3]), lane[2])
    if lane[1] == K.suspects then call('HSETNX', K.names, '#x', 1) end
  end
end
return answer
