-- Reads jobs in full, as many as one answer holds.
-- flags: no-writes
-- keys: 1 bodies, 2 states, 3 ends, 4 attempts, 5 instances; then what each of the instances has
-- arguments: ids
-- answer: now, or nothing if a job has not ended and these are not all instances; then for each
--   job its body, its state, its end, the number of the instance that has it or 0, what that has,
--   each or an empty text, and its attempts or an empty text. As many jobs as fit into 4 MiB, and
--   at most 8 more; each of those that are missing is asked for again.
-- cost: O(jobs x instances that have jobs)
--@ codec
local BYTES_MAX, VALUES, CHUNK = 4194304, 6, 8
local ARGV, count = ARGV, #ARGV
local answer, last, bytes, open, places = {clock()}, 1, 0, {}, {}
for first = 1, count, CHUNK do
  local upto = math.min(first + CHUNK - 1, count)
  local bodies = call('HMGET', KEYS[1], unpack(ARGV, first, upto))
  local states = call('HMGET', KEYS[2], unpack(ARGV, first, upto))
  local ends = call('HMGET', KEYS[3], unpack(ARGV, first, upto))
  for index = 1, upto - first + 1 do
    local body, state, ended, attempts = bodies[index] or '', states[index], ends[index] or '', ''
    if state and #state == STATE_BYTES then
      local _, _, _, _, _, _, _, _, history = unpick(STATE, state)
      if history > 0 then
        attempts = call('HMGET', KEYS[4], unpack(attempt_fields(ARGV[first + index - 1], history)))
        for _, attempt in ipairs(attempts) do bytes = bytes + (attempt and #attempt or 0) + 64 end
      end
    end
    if ended == '' and body ~= '' then
      open[#open + 1] = ARGV[first + index - 1]
      places[#open] = last
    end
    answer[last + 1], answer[last + 2], answer[last + 3] = body, state or '', ended
    answer[last + 4], answer[last + 5], answer[last + 6] = 0, '', attempts
    last = last + VALUES
    bytes = bytes + #body + #ended + 256
  end
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
