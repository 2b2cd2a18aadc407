-- Looks at some jobs, and at some lanes, and puts right what somebody or a lost right left half
-- done: a job that is in no place waits again, a lane without a hint gets one.
-- flags: allow-oom
-- keys: those of hands.lua; 17 bodies; then what each of the instances has
-- arguments: channel, random process, 1 to put right or 0 to tell only, the lane after which it
--   looks or nothing, the most lanes; then ids
-- answer: the lane after which the next call looks or nothing; how many lanes had no hint; for each
--   job that is in no place its id
-- cost: O(jobs x (log waiting + instances) + lanes x log waiting)
--@ codec
--@ wake
--@ ends
--@ hands
--@ again
local is_to_mend, after = ARGV[3] == '1', ARGV[4]
local answer, bare = {'', 0}, {}
for _ = 1, tonumber(ARGV[5]) do
  local from = after == '' and '-' or '(' .. after .. '\255'
  local first = call('ZRANGEBYLEX', K.waiting, from, '+', 'LIMIT', 0, 1)[1]
  if not first then after = '' break end
  after = sub(first, 1, 6)
  local hints = sub(after, 6) == '1' and K.suspects or K.hints
  local due = unpick('>I7', first, 7)
  local score = call('ZSCORE', hints, after)
  local is_paused = call('HEXISTS', K.paused, sub(after, 3, 5)) == 1
  if not is_paused and (not score or tonumber(score) > hint(after, due)) then
    bare[#bare + 1] = {hints, after, due}
  end
end
answer[1], answer[2] = after, #bare

-- Whether an instance has the job.
local function is_held(id)
  for key = 18, #KEYS do
    if call('HEXISTS', KEYS[key], id) == 1 then return true end
  end
  return false
end

for index = 6, #ARGV do
  local id = ARGV[index]
  local body = call('HGET', KEYS[17], id)
  if body and call('HEXISTS', K.ends, id) == 0 and not is_held(id) then
    local at = sub(body, 8, 8) == '1' and 16 or 9
    local priority, kind_bytes, queue_bytes = unpick('>bBB', body, at)
    local kind = sub(body, at + 3, at + 2 + kind_bytes)
    local queue = sub(body, at + 3 + kind_bytes, at + 2 + kind_bytes + queue_bytes)
    local numbers = call('HMGET', K.names, 'g/' .. priority .. '/' .. kind, 'q/' .. queue)
    local job = {id = id, token = NO_TIME, instance = string.rep('\0', 16), started = 0, failed = 0,
      crashes = 0, history = 0, flags = #body - at + 1 > LONG and LONG_FLAG or 0}
    job.due = unpick('>I7', body, at == 16 and 9 or 1)
    job.first = job.due
    local state = call('HGET', K.states, id)
    if state then
      local _
      job.token, job.instance, _, job.started, job.due, job.first, job.failed, job.crashes,
        job.history = unpick(STATE, state)
      job.flags = job.flags + STATE_FLAG
    end
    if numbers[1] and numbers[2] then
      job.lane = numbers[1] .. sub(numbers[2], 1, 3) .. (job.crashes > 0 and '1' or '0')
      local member = job.lane .. time_bytes(job.due) .. id .. string.char(job.flags)
      if not call('ZSCORE', K.waiting, member) then
        answer[#answer + 1] = id
        if is_to_mend then wait_again(job, nil, 0) end
      end
    end
  end
end
if is_to_mend then
  write_all(ARGV[1], ARGV[2])
  for _, lane in ipairs(bare) do call('ZADD', lane[1], hint(lane[2], lane[3]), lane[2]) end
end
return answer
