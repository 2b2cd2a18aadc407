-- Reads jobs in full, as many as one answer holds.
-- flags: no-writes
-- keys: 1 bodies, 2 states, 3 ends, 4 attempts, 5 cancels; then what each of the instances has
-- arguments: ids
-- answer: now; for each job its body, its state, its end, the index of the instance that has it,
--   what that has, the reason for which it is to be cancelled, each or nothing, and its attempts
-- cost: O(jobs x instances)
--@ codec
local answer, bytes = {clock()}, 0
for _, id in ipairs(ARGV) do
  local body = call('HGET', KEYS[1], id) or ''
  local state, ended = call('HGET', KEYS[2], id) or '', call('HGET', KEYS[3], id) or ''
  local which, record, cancel, attempts = 0, '', '', {}
  for key = 6, ended == '' and #KEYS or 5 do
    local found = call('HGET', KEYS[key], id)
    if found then
      which, record, cancel = key - 5, found, call('HGET', KEYS[5], id) or ''
      break
    end
  end
  if state ~= '' then
    local _, _, _, _, _, _, _, _, history = unpick(STATE, state)
    if history > 0 then attempts = call('HMGET', KEYS[4], unpack(attempt_fields(id, history))) end
  end
  for _, value in ipairs({body, state, ended, which, record, cancel, attempts}) do
    answer[#answer + 1] = value
  end
  bytes = bytes + #body + #ended
  if bytes > 16777216 then break end
end
return answer
