-- Looks at jobs, each together with an entry of an index that names it, and at lanes; and says what
-- does not agree. All that it says of one job was so at one moment.
-- flags: no-writes
-- keys: 1 names, 2 bodies, 3 states, 4 waiting, 5 retrying, 6 attempts, 7 ends, 8 failed,
--   9 failed by time, 10 until, 11 done, 12 gone, 13 cancels, 14 paused, 15 hints, 16 hints of
--   suspects, 17 instances; then what each of the instances has
-- arguments: number of instances, their ids; then for each entry of what it is, its id, and the
--   entry itself. The kinds: b body, s state, e end, h in hand (the entry is the number of the
--   instance), a attempt, c cancel, w waiting, r retrying, f failed, d done; l a lane (the id is
--   nothing)
-- answer: nothing if these are not all instances; else for each entry the letters of what is wrong,
--   and for an end `/`, state and place. The letters are in check/words.rs. As many entries as fit
--   into 4 MiB of bodies and one more.
-- cost: O(entries x (log waiting + instances))
--@ codec
--@ ends
local BYTES_MAX = 4194304
local NAMES, BODIES, STATES, WAITING, RETRYING = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local ENDS, CANCELS = KEYS[7], KEYS[13]
local HELD_AT = 17
local instance_count, bytes = tonumber(ARGV[1]), 0
local instances = {}
for index = 1, instance_count do instances[index] = ARGV[1 + index] end
if call('HLEN', KEYS[17]) ~= instance_count then return false end
for _, known in ipairs(read_many('HMGET', KEYS[17], instances)) do
  if not known then return false end
end

-- Whether the entry is still there.
local function is_there(what, id, entry)
  if what == 'b' then return call('HEXISTS', BODIES, id) == 1 end
  if what == 's' then return call('HEXISTS', STATES, id) == 1 end
  if what == 'e' then return call('HEXISTS', ENDS, id) == 1 end
  if what == 'c' then return call('HEXISTS', CANCELS, id) == 1 end
  if what == 'a' then return call('HEXISTS', KEYS[6], entry) == 1 end
  if what == 'h' then return call('HEXISTS', KEYS[HELD_AT + entry], id) == 1 end
  if what == 'd' then
    return call('SISMEMBER', KEYS[12], entry) == 0 and call('LPOS', KEYS[11], entry) and true
  end
  local key = what == 'w' and WAITING or what == 'r' and RETRYING or KEYS[8]
  return call('ZSCORE', key, entry) and true
end

-- Group and queue of a job, its first due time, and the flag for a long body; nothing if its names
-- have no numbers.
local function place_of(body)
  local at = sub(body, 8, 8) == '1' and 16 or 9
  local priority, kind_bytes, queue_bytes = unpick('>bBB', body, at)
  local kind = sub(body, at + 3, at + 2 + kind_bytes)
  local queue = sub(body, at + 3 + kind_bytes, at + 2 + kind_bytes + queue_bytes)
  local numbers = call('HMGET', NAMES, 'g/' .. priority .. '/' .. kind, 'q/' .. queue)
  local place = numbers[1] and numbers[2] and numbers[1] .. sub(numbers[2], 1, 3)
  return place, unpick('>I7', body, at == 16 and 9 or 1), #body - at + 1 > LONG and LONG_FLAG or 0
end

-- The instances that have the job, the first record, and whether the entry is one of them.
local function hands_of(id)
  local hands, record = {}, nil
  for key = HELD_AT + 1, #KEYS do
    local found = call('HGET', KEYS[key], id)
    if found then
      hands[#hands + 1], record = key - HELD_AT, record or found
    end
  end
  return hands, record
end

-- What is wrong with a job that has ended.
local function check_end(job, wrong)
  local row = job.ended
  local state, own = sub(row, 1, 1), sub(row, 35, 41) .. job.place .. job.id
  if #row < 49 or not string.find('4567', state, 1, true) then return wrong('e') end
  if state ~= '4' then
    if not call('ZSCORE', KEYS[8], state .. job.id) then wrong('i') end
    if not call('ZSCORE', KEYS[9], job.id .. state .. job.place) then wrong('t') end
  elseif string.byte(row, 3) >= KEPT then
    if not call('ZSCORE', KEYS[10], job.id .. job.place) then wrong('u') end
  end
  return '/' .. state .. job.place, own
end

-- What is wrong with the state of a job, and with its attempts.
local function check_state(job, wrong)
  job.due, job.failed, job.crashes, job.attempts = job.first, 0, 0, {}
  if not job.state then return end
  if #job.state ~= 58 then return wrong('s') end
  local _, history
  _, _, _, _, job.due, _, job.failed, job.crashes, history = unpick(STATE, job.state)
  if history == 0 then return end
  for index, found in ipairs(call('HMGET', KEYS[6], unpack(attempt_fields(job.id, history)))) do
    if not found then wrong('a') break end
  end
  for _, field in ipairs(attempt_fields(job.id, history)) do job.attempts[field] = true end
end

local function check_job(job, what, entry, wrong)
  check_state(job, wrong)
  local lane = job.place .. (job.crashes > 0 and '1' or '0')
  local flags = job.long + (job.state and STATE_FLAG or 0)
  local start = lane .. time_bytes(job.due) .. job.id
  local found = call('ZRANGEBYLEX', WAITING, '[' .. start, '(' .. start .. '\255', 'LIMIT', 0, 2)
  local member = found[1]
  local hands, record = hands_of(job.id)
  local places = #found + #hands + (job.ended and 1 or 0)
  if places == 0 then wrong('n') elseif places > 1 then wrong('m') end
  if member and member ~= start .. string.char(flags) then wrong('f') end
  if record and (#record < 45 or sub(record, 16, 20) ~= job.place or sub(record, 29, 44) ~= job.id)
  then
    wrong('q')
  end
  local retries = member and job.failed > 0
  if retries and not call('ZSCORE', RETRYING, member) then wrong('r') end
  local answer, own
  if job.ended then answer, own = check_end(job, wrong) end
  if what == 'w' and entry ~= member or what == 'r' and not (retries and entry == member)
    or what == 'f' and not (job.ended and entry == sub(job.ended, 1, 1) .. job.id)
    or what == 'd' and entry ~= own or what == 'a' and not (job.attempts or {})[entry]
    or what == 'c' and not record
  then
    if is_there(what, job.id, entry) then wrong('x') end
  end
  return answer
end

-- What is wrong with a lane: its hint may be early, never late, and a paused queue has none.
local function check_lane(lane, wrong)
  local is_suspect = sub(lane, 6) == '1'
  local score = call('ZSCORE', is_suspect and KEYS[16] or KEYS[15], lane)
  local first = call('ZRANGEBYLEX', WAITING, '[' .. lane, '(' .. lane .. '\255', 'LIMIT', 0, 1)[1]
  if call('HEXISTS', KEYS[14], sub(lane, 3, 5)) == 1 then
    if score then wrong('P') end
  elseif first and (not score or tonumber(score) > hint(lane, unpick('>I7', first, 7))) then
    wrong('H')
  end
  if is_suspect and score and call('HEXISTS', NAMES, '#x') == 0 then wrong('X') end
end

local answers = {}
for at = 2 + instance_count, #ARGV, 3 do
  if bytes > BYTES_MAX then break end
  local what, id, entry = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local faults, more = {}, nil
  local function wrong(letter) faults[#faults + 1] = letter end
  local body = what ~= 'l' and call('HGET', BODIES, id)
  if what == 'l' then
    check_lane(entry, wrong)
  elseif not body then
    if is_there(what, id, entry) then wrong('o') end
  else
    bytes = bytes + #body
    local job = {id = id, state = call('HGET', STATES, id), ended = call('HGET', ENDS, id)}
    local read, place, first, long = pcall(place_of, body)
    job.place, job.first, job.long = place, first, long
    if not read then wrong('b') elseif not place then wrong('p')
    else more = check_job(job, what, entry, wrong) end
  end
  answers[#answers + 1] = table.concat(faults) .. (more or '')
end
return answers
