-- Deletes a job whose rows cannot be read, unless an instance has it.
-- flags: allow-oom
-- keys: those of hands.lua; 17 bodies, 18 gone, 19 until, 20 activity, 21 subjects, 22 instances;
--   then what each of the instances has
-- arguments: channel, number of the activity, what is told of it, id, where it stands, and what
--   stands there: w in the set of waiting jobs, d in the list of done ones, u in the set of those
--   that say how long they are kept, f among those that failed by time, n nowhere
-- answer: 1 if it was deleted, also by this activity before, else 0; nothing if these are not all
--   instances
-- cost: O(log waiting + instances)
--@ codec
--@ ends
--@ hands
--@ fronts
--@ activity
local number, id, where, what = tonumber(ARGV[2]), ARGV[4], ARGV[5], ARGV[6]
local wrong = wrong_layout(call('HGET', K.names, '#v'))
if wrong then return wrong end
if call('HLEN', KEYS[22]) ~= #KEYS - 22 then return false end
if call('ZSCORE', KEYS[21], 'j' .. id .. pack('>I8', number)) then return 1 end
for key = 23, #KEYS do
  if call('HEXISTS', KEYS[key], id) == 1 then return 0 end
end
local tally = {}
if where == 'w' then
  if call('ZREM', K.waiting, what) == 0 then return 0 end
  call('ZREM', K.retrying, what)
  correct_hints({[sub(what, 1, 6)] = true})
elseif where == 'd' then
  if call('SADD', KEYS[18], what) == 0 then return 0 end
  add_to(tally, '4', sub(what, 8, 12), -1)
elseif where == 'u' then
  if call('ZREM', KEYS[19], what) == 0 then return 0 end
  add_to(tally, '4', sub(what, 17, 21), -1)
elseif where == 'f' then
  if call('ZREM', K.by_time, what) == 0 then return 0 end
  call('ZREM', K.failed, sub(what, 17, 17) .. id)
  add_to(tally, sub(what, 17, 17), sub(what, 18, 22), -1)
end
local state = call('HGET', K.states, id)
if state and #state ~= STATE_BYTES then call('HDEL', K.states, id) end
forget(KEYS[17], K.states, K.attempts, K.ends, {id})
write_tally(K.counts, tally)
tell_ended(K.awaited, ARGV[1], {id})
note(KEYS[20], number, ARGV[3], now)
note_changed(KEYS[20], KEYS[21], number, {'j' .. id})
forget_activities(KEYS[20], KEYS[21], 0, 100)
return 1
