-- Settles jobs that succeeded, all of one instance. Looks first, writes last.
-- flags: allow-oom, so that a server whose memory is full can be drained
-- keys: 1 what the instance has, 2 ends, 3 done, 4 counts, 5 until, 6 cancels, 7 awaited, 8 bodies,
--   9 states, 10 attempts, 11 gone
-- arguments: instance, number of done jobs that are kept, channel; then runs of jobs: token, 1 if
--   they tell of an attempt or 0, how long they are kept or nothing, number of jobs, and for each
--   of them id, and the nanoseconds of its attempt (8 bytes) with its result. No id comes twice.
-- answer: a if all are applied; else for each job a letter: a applied, s stale
-- cost: O(jobs); forgets at most twice as many as it ends, and 64
--@ codec
--@ ends
local DONE, ENDS, STATES = KEYS[3], KEYS[2], KEYS[9]
local ARGV, last, instance, keep = ARGV, #ARGV, ARGV[1], tonumber(ARGV[2])
local now = clock()
local now_bytes = time_bytes(now)

local ids, count, at = {}, 0, 4
while at <= last do
  local behind = at + 3 + 2 * ARGV[at + 3]
  for index = at + 4, behind, 2 do
    count = count + 1
    ids[count] = ARGV[index]
  end
  at = behind + 1
end
local held = read_many('HMGET', KEYS[1], ids)

local settled, rows, entries, until_rows = {}, {}, {}, {}
local answers, tally, job, row, entry = {}, {}, 0, 0, 0
at = 4
while at <= last do
  local token, kept, behind = ARGV[at], ARGV[at + 2], at + 3 + 2 * ARGV[at + 3]
  local flags = string.char(SETTLED + TRIED * ARGV[at + 1] + (kept ~= '' and KEPT or 0))
  local claimed, head, place, front
  for index = at + 4, behind, 2 do
    job = job + 1
    local id, record = ids[job], held[job] or ''
    -- Jobs that were claimed together have the same token and the same start.
    local begun = sub(record, 1, 15)
    if begun ~= claimed and sub(record, 1, 8) == token then
      claimed = begun
      head = '40' .. flags .. token .. instance .. sub(record, 9, 15) .. now_bytes
    end
    if begun == claimed and record ~= '' then
      row = row + 1
      settled[row], rows[2 * row - 1], rows[2 * row] = id, id, head .. ARGV[index + 1]
      local own = sub(record, 16, 20)
      if own ~= place then place, front = own, now_bytes .. own end
      tally[place] = (tally[place] or 0) + 1
      if kept == '' then
        entry = entry + 1
        entries[entry] = front .. id
      else
        until_rows[#until_rows + 1] = clamp(now + kept)
        until_rows[#until_rows + 1] = id .. place
      end
    else
      answers[job] = was_settled(ENDS, STATES, id, token, instance) and 'a' or 's'
    end
  end
  at = behind + 1
end
local answer = 'a'
if row < job then
  for index = 1, job do answers[index] = answers[index] or 'a' end
  answer = table.concat(answers)
end
if row == 0 then return answer end

write_many('HDEL', KEYS[1], settled)
write_many('HSET', ENDS, rows)
local length = entry > 0 and write_many('RPUSH', DONE, entries) or 0
if #until_rows > 0 then write_many('ZADD', KEYS[5], until_rows) end
if call('HLEN', KEYS[6]) > 0 then write_many('HDEL', KEYS[6], settled) end
tell_ended(KEYS[7], ARGV[3], settled)
local counts = {}
for place, jobs in pairs(tally) do add_to(counts, '4', place, jobs) end
if length > keep + 1000 then
  local beyond = length - call('SCARD', KEYS[11]) - keep
  local pruned = take_done(DONE, KEYS[11], counts, math.min(beyond, 2 * row + 64))
  forget(KEYS[8], STATES, KEYS[10], ENDS, pruned)
end
write_tally(KEYS[4], counts)
return answer
