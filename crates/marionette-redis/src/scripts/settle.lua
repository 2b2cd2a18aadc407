-- Settles jobs in any way, of any instances. Looks first, writes last.
-- flags: allow-oom
-- keys: 1 names, 2 states, 3 waiting, 4 hints, 5 hints of suspects, 6 retrying, 7 attempts, 8 ends,
--   9 failed, 10 failed by time, 11 counts, 12 cancels, 13 awaited, 14 paused, 15 idle, 16 rooms,
--   17 done, 18 until, 19 bodies, 20 gone; then what each of the instances has
-- arguments: channel, random process, number of done jobs that are kept, number of instances, their
--   ids; for each job its instance (from 1), id, token, what follows, its argument, how long it is
--   kept or nothing, whether the attempt failed (1 or 0), and the attempt (outcome, nanoseconds, and
--   a mark and the error if it has one) or nothing.
--   What follows: d done with a result, n a t due then (as in an insert), r due as before, l the
--   same for a lease that lapsed, b buried, c cancelled, q quarantined for a reason; for b and c the
--   argument begins with the kind of end. No id comes twice.
-- answer: for each job a letter: a applied, s stale, c for a lapsed lease whose job ended as
--   cancelled
-- cost: O(jobs x log waiting)
--@ codec
--@ wake
--@ ends
--@ hands
--@ again
local base = 4 + tonumber(ARGV[4])
local ids, count = {}, 0
for at = base + 1, #ARGV, 8 do
  count = count + 1
  ids[count] = ARGV[at + 1]
end
local states = read_many('HMGET', K.states, ids)
local cancels = call('HLEN', K.cancels) > 0 and read_many('HMGET', K.cancels, ids) or {}

local answers, gone, done, until_rows = {}, {}, {}, {}
for index, id in ipairs(ids) do
  local at = base + 8 * index - 7
  local which, token, how, value = tonumber(ARGV[at]), ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  local instance, held_by = ARGV[4 + which], KEYS[20 + which]
  local record = call('HGET', held_by, id)
  if not record or sub(record, 1, 8) ~= token then
    local known = was_settled(K.ends, K.states, id, token, instance)
    answers[index] = known and 'a' or 's'
  else
    answers[index] = 'a'
    local job = open_job(id, record, states[index], instance)
    gone[held_by] = gone[held_by] or {}
    push(gone[held_by], id)
    local attempt = ARGV[at + 7]
    -- A success that tells nothing else is noted with the end.
    local tried = how == 'd' and #attempt == 9 and sub(attempt, 1, 1) == '0'
    if attempt ~= '' and not tried then
      add_attempt(job, attempt, ARGV[at + 6] == '1')
    end
    if how == 'd' then
      local kept, place = ARGV[at + 5], sub(job.lane, 1, 5)
      local has_row = states[index] or job.history > 0
      if has_row then save(job, 1) end
      local flags = SETTLED + (tried and TRIED or 0) + (kept ~= '' and KEPT or 0)
      push(added.ends, id, '40' .. string.char(flags) .. token .. instance .. sub(record, 9, 15)
        .. time_bytes(now) .. (tried and sub(attempt, 2, 9) or NO_TIME) .. value)
      if kept == '' then
        push(done, time_bytes(now) .. place .. id)
      else
        push(until_rows, clamp(now + kept), id .. place)
      end
      add_to(added.tally, '4', place, 1)
      push(added.ended, id)
      push(added.cancels, id)
    elseif how == 'b' then
      finish(job, '5', sub(value, 1, 1), nil, 1)
    elseif how == 'c' then
      finish(job, '6', sub(value, 1, 1), sub(value, 2), 1)
    elseif how == 'q' then
      finish(job, '7', 'q', value, 1)
    else
      if how ~= 'r' and how ~= 'l' and not cancels[index] then
        job.due = due_of(how, value, now)
      end
      local waits = wait_again(job, cancels[index], how == 'l' and 0 or 1)
      if how == 'l' and not waits then answers[index] = 'c' end
    end
  end
end

for held_by, list in pairs(gone) do write_many('HDEL', held_by, list) end
if #done > 0 then
  local beyond = write_many('RPUSH', KEYS[17], done) - call('SCARD', KEYS[20]) - tonumber(ARGV[3])
  if beyond > 1000 then
    local pruned = take_done(KEYS[17], KEYS[20], added.tally, math.min(beyond, 2 * #done + 64))
    forget(KEYS[19], K.states, K.attempts, K.ends, pruned)
  end
end
if #until_rows > 0 then write_many('ZADD', KEYS[18], until_rows) end
write_all(ARGV[1], ARGV[2])
return table.concat(answers)
