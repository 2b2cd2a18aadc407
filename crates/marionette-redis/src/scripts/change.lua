-- Makes a change that a person asks for to some jobs, at most 500: one step of one activity.
-- flags: allow-oom
-- keys: those of hands.lua; 17 bodies, 18 gone, 19 until, 20 activity, 21 subjects; then what each
--   of the instances has that are named below
-- arguments: channel, random process, the change, its value, number of the activity, what is told
--   of it, number of places; for each priority, kind and queue; for each job id, place, as its body
--   says when it was first due (7 bytes) and its flags (a number), the number of the instance that
--   has it or 0, and how it has to be: nothing for any way, w and when it is due (7 bytes) for one
--   that waits, h for one that an instance has, else the letter of the state in which it ended. The
--   changes: c cancel for a reason, r retry, t reschedule to a time, x delete
-- answer: for each job 1 if it was changed, also by this activity before, since an answer may be
--   lost; 0 if not; 2 if it is not as it was said to be: it is looked at again
-- cost: O(jobs x log waiting)
--@ codec
--@ wake
--@ ends
--@ hands
--@ again
--@ fronts
--@ activity
local how, value, number, place_count = ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[7])
local fields, places = {'#v'}, {}
for at = 8, 7 + 3 * place_count, 3 do
  fields[#fields + 1] = 'g/' .. ARGV[at] .. '/' .. ARGV[at + 1]
  fields[#fields + 1] = 'q/' .. ARGV[at + 2]
end
local numbers = read_many('HMGET', K.names, fields)
local wrong = wrong_layout(numbers[1])
if wrong then return wrong end
for place = 1, place_count do
  local group, queue = numbers[2 * place], numbers[2 * place + 1]
  places[place] = group and queue and group .. sub(queue, 1, 3)
end
local ids = {}
for at = 8 + 3 * place_count, #ARGV, 6 do ids[#ids + 1] = ARGV[at] end
local subjects = {}
for index, id in ipairs(ids) do subjects[index] = 'j' .. id .. pack('>I8', number) end
local before = read_many('ZMSCORE', KEYS[21], subjects)
local states, ends = read_many('HMGET', K.states, ids), read_many('HMGET', K.ends, ids)

local waited, retried, entries, failed, by_time, until_rows = {}, {}, {}, {}, {}, {}
local deleted, anew, wishes, answer, changed = {}, {}, {}, {}, {}
local left, NOBODY = {}, string.rep('\0', 16)

-- A job that does not run, and the member of the set of waiting jobs that it is if it waits.
local function known_job(at, index, id)
  local place = places[tonumber(ARGV[at + 1])]
  if not place then return end
  local job = {id = id, token = NO_TIME, instance = NOBODY, settled = 0, started = 0, failed = 0,
    crashes = 0, history = 0, flags = tonumber(ARGV[at + 3])}
  job.due = unpick('>I7', ARGV[at + 2])
  job.first = job.due
  if states[index] then
    job.token, job.instance, job.settled, job.started, job.due, job.first, job.failed, job.crashes,
      job.history = unpick(STATE, states[index])
    job.flags = job.flags + STATE_FLAG
  end
  job.lane = place .. (job.crashes > 0 and '1' or '0')
  return job, job.lane .. time_bytes(job.due) .. id .. string.char(job.flags)
end

-- Takes an ended job out of the lists of its state.
local function unlist(job, row)
  local state, place, ended = sub(row, 1, 1), sub(job.lane, 1, 5), sub(row, 35, 41)
  add_to(added.tally, state, place, -1)
  if state ~= '4' then
    push(failed, state .. job.id)
    push(by_time, job.id .. state .. place)
  elseif string.byte(row, 3) >= KEPT then
    push(until_rows, job.id .. place)
  else
    push(entries, ended .. place .. job.id)
  end
end

-- A claim that was settled stays so: the same settlement may come again.
local NO, YES, AGAIN = 0, 1, 2
local function change(index, id)
  local at = 2 + 3 * place_count + 6 * index
  local job, member = known_job(at, index, id)
  if not job then return NO end
  local row, expected = ends[index], ARGV[at + 5]
  if row then
    if expected ~= '' and expected ~= sub(row, 1, 1) then return AGAIN end
    if how == 'x' then
      unlist(job, row)
      push(deleted, id)
      return YES
    end
    if how ~= 'r' or sub(row, 1, 1) == '4' then return NO end
    unlist(job, row)
    push(anew, id)
    job.due, job.first, job.failed, job.crashes = now, now, 0, 0
    wait_again(job, nil, job.settled)
    return YES
  end
  if call('ZSCORE', K.waiting, member) then
    if expected ~= '' and expected ~= 'w' .. time_bytes(job.due) then return AGAIN end
    if how == 'r' and job.due <= now then return NO end
    push(waited, member)
    left[sub(member, 1, 6)] = true
    if job.failed > 0 then push(retried, member) end
    if how == 'x' then
      push(deleted, id)
    elseif how == 'c' then
      finish(job, '6', 'c', value, job.settled)
    else
      job.due = how == 'r' and now or clamp(tonumber(value))
      job.first = job.due
      wait_again(job, nil, job.settled)
    end
    return YES
  end
  if expected ~= '' and expected ~= 'h' then return AGAIN end
  if how ~= 'c' or call('HEXISTS', K.cancels, id) == 1 then return NO end
  local which = tonumber(ARGV[at + 4])
  if which == 0 or call('HEXISTS', KEYS[21 + which], id) == 0 then return AGAIN end
  push(wishes, id, value)
  return YES
end

for index, id in ipairs(ids) do
  answer[index] = before[index] and YES or change(index, id)
  if answer[index] == YES and not before[index] then changed[#changed + 1] = 'j' .. id end
end
if #changed == 0 then return answer end

local lists = {{'ZREM', K.waiting, waited}, {'ZREM', K.retrying, retried},
  {'HDEL', K.ends, anew}, {'ZREM', K.failed, failed}, {'ZREM', K.by_time, by_time},
  {'ZREM', KEYS[19], until_rows},
  {'SADD', KEYS[18], entries}, {'HSET', K.cancels, wishes}}
for _, list in ipairs(lists) do
  if #list[3] > 0 then write_many(list[1], list[2], list[3]) end
end
forget(KEYS[17], K.states, K.attempts, K.ends, deleted)
write_all(ARGV[1], ARGV[2])
correct_hints(left)
tell_ended(K.awaited, ARGV[1], deleted)
note(KEYS[20], number, ARGV[6], now)
note_changed(KEYS[20], KEYS[21], number, changed)
forget_activities(KEYS[20], KEYS[21], 0, 100)
return answer
