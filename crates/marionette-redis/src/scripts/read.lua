-- Reads jobs in full, as many as one answer holds.
-- flags: no-writes
-- keys: 1 bodies, 2 states, 3 ends, 4 attempts, 5 instances; then what each of the instances has
-- arguments: ids
-- answer: now, or nothing if a job has not ended and these are not all instances; then for each job its body, its state,
--   its end, the number of the instance that has it or 0, what that has, each or an empty text, and
--   its attempts. As many jobs as fit into 4 MiB and one more; each of those that are missing is
--   asked for again.
-- cost: O(jobs x instances that have jobs)
--@ codec
local BYTES_MAX, VALUES = 4194304, 6
local answer, bytes, open, places = {clock()}, 0, {}, {}
for index, id in ipairs(ARGV) do
  local body = call('HGET', KEYS[1], id) or ''
  local state, ended, attempts = '', '', {}
  if body ~= '' then
    state, ended = call('HGET', KEYS[2], id) or '', call('HGET', KEYS[3], id) or ''
    if #state == STATE_BYTES then
      local _, _, _, _, _, _, _, _, history = unpick(STATE, state)
      if history > 0 then attempts = call('HMGET', KEYS[4], unpack(attempt_fields(id, history))) end
    end
    if ended == '' then
      open[#open + 1] = id
      places[#open] = 1 + (index - 1) * VALUES
    end
  end
  for _, value in ipairs({body, state, ended, 0, '', attempts}) do answer[#answer + 1] = value end
  bytes = bytes + #body + #ended + 256
  for _, attempt in ipairs(attempts) do bytes = bytes + (attempt and #attempt or 0) + 64 end
  if bytes > BYTES_MAX then break end
end
-- Any instance may have a job that has not ended.
if #open > 0 and call('HLEN', KEYS[5]) ~= #KEYS - 5 then return {false} end
for key = 6, #open > 0 and #KEYS or 0 do
  if call('HLEN', KEYS[key]) > 0 then
    for index, record in ipairs(call('HMGET', KEYS[key], unpack(open))) do
      local place = places[index]
      if record then answer[place + 4], answer[place + 5] = key - 5, record end
    end
  end
end
return answer
