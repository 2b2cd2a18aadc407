-- What becomes of jobs that are taken from their instance: they wait again, or end otherwise than
-- done. All that was decided is written by `write_all`; nothing before it changes anything.
-- `K` has the keys by name, `now` is the time.
local added = {states = {}, members = {}, hints = {}, retrying = {}, attempts = {}, away = {},
  ends = {}, failed = {}, by_time = {}, ended = {}, tally = {}, wakes = {}, cancels = {}}

local function push(list, one, other)
  list[#list + 1] = one
  if other then list[#list + 1] = other end
end

-- A job that runs, with what its row of state says; and without one, what is true of a new job.
local function open_job(id, record, row, instance)
  local job = {id = id, instance = instance}
  local _
  job.token, job.started, job.lane, job.due, _, job.flags = unpick(HELD, record)
  if row then
    local first, failed, crashes, history
    _, _, _, _, _, first, failed, crashes, history = unpick(STATE, row)
    job.first, job.failed, job.crashes, job.history = first, failed, crashes, history
  else
    job.first, job.failed, job.crashes, job.history = job.due, 0, 0, 0
  end
  return job
end

-- Adds an attempt: outcome and nanoseconds (9 bytes) and the error.
local function add_attempt(job, told, is_failure)
  local number = job.failed + 1
  job.history = job.history + 1
  local row = pack('>I4I7I7', number, job.started, now) .. job.instance .. told
  push(added.attempts, job.id .. pack('>I4', job.history), row)
  if job.history - 20 > 5 then push(added.away, job.id .. pack('>I4', job.history - 20)) end
  if is_failure then job.failed = number end
end

-- The row of state of a job, and the place where it waits.
local function save(job, settled)
  push(added.states, job.id, pack(STATE, job.token, job.instance, settled, job.started, job.due,
    job.first, job.failed, job.crashes, job.history))
end

-- Ends a job in a state other than done, in this way, and for this reason if there is one.
local function finish(job, state, kind, reason, settled)
  save(job, settled)
  local flags = settled + (reason and SAID or 0)
  push(added.ends, job.id, state .. kind .. string.char(flags) .. job.token .. job.instance
    .. time_bytes(job.started) .. time_bytes(now) .. NO_TIME .. (reason or ''))
  push(added.failed, 0, state .. job.id)
  push(added.by_time, now, job.id .. state .. sub(job.lane, 1, 5))
  push(added.ended, job.id)
  add_to(added.tally, state, sub(job.lane, 1, 5), 1)
  push(added.cancels, job.id)
end

-- Lets a job wait, unless somebody wants it cancelled.
local function wait_again(job, reason, settled)
  if reason then return finish(job, '6', 'c', reason, settled) end
  save(job, settled)
  local place = sub(job.lane, 1, 5)
  job.lane = place .. (job.crashes > 0 and '1' or '0')
  local flags = job.flags - job.flags % 2 + STATE_FLAG
  if job.due + MINUTE < unpick('>I6', job.id) * 1000 then added.is_ahead = true end
  local member = job.lane .. time_bytes(job.due) .. job.id .. string.char(flags)
  push(added.members, 0, member)
  if job.failed > 0 then push(added.retrying, 0, member) end
  local first = added.hints[job.lane]
  if not first or job.due < first then added.hints[job.lane] = job.due end
  if job.due <= now then added.wakes[place] = (added.wakes[place] or 0) + 1 end
  return true
end

local function write_all(channel, from)
  local lists = {{'HSET', K.states, added.states}, {'ZADD', K.waiting, added.members},
    {'ZADD', K.retrying, added.retrying}, {'HSET', K.attempts, added.attempts},
    {'HDEL', K.attempts, added.away}, {'HSET', K.ends, added.ends},
    {'ZADD', K.failed, added.failed}, {'ZADD', K.by_time, added.by_time},
    {'HDEL', K.cancels, added.cancels}}
  for _, list in ipairs(lists) do
    if #list[3] > 0 then write_many(list[1], list[2], list[3]) end
  end
  if added.is_ahead then call('HSETNX', K.names, '#w', 1) end
  write_tally(K.counts, added.tally)
  tell_ended(K.awaited, channel, added.ended)
  for lane, due in pairs(added.hints) do
    local queue, place = sub(lane, 3, 5), sub(lane, 1, 5)
    if call('HEXISTS', K.paused, queue) == 0 then
      local hints = sub(lane, 6) == '1' and K.suspects or K.hints
      if hints == K.suspects then call('HSETNX', K.names, '#x', 1) end
      local sooner = call('ZADD', hints, 'LT', 'CH', hint(lane, due), lane)
      if (added.wakes[place] or sooner > 0) and call('HLEN', K.rooms) > 0 then
        local names = call('HMGET', K.names, 'G' .. sub(lane, 1, 2), 'Q' .. queue)
        local kind = string.match(names[1] or '', '/(.*)$') or ''
        if added.wakes[place] then
          wake(K.names, K.idle, K.rooms, channel, from, kind, names[2] or '', added.wakes[place])
        else
          announce(K.idle, K.rooms, channel, from, kind, names[2] or '', due)
        end
      end
    end
  end
end
