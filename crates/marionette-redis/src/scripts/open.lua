-- Looks at what is there when a process connects, and makes the store if there is none.
-- flags: allow-oom
-- keys: all keys of the layout, the names first
-- arguments: the version of the layout, a new name for the data; then, for each right that the
--   scripts need, the command with the rest of its arguments, separated by spaces, where @ stands
--   for a key
-- answer: version, name of the data, stamp of the groups, 1 if it was made just now; then the rights
--   that are missing: with one missing nothing is made
-- cost: O(keys x rights)
local answer, kinds = {}, {}
for index = 3, #ARGV do
  local words, key_at = {}, nil
  for word in string.gmatch(ARGV[index], '%S+') do
    words[#words + 1] = word
    if word == '@' then key_at = #words end
  end
  for _, key in ipairs(key_at and KEYS or {''}) do
    if key_at then words[key_at] = key end
    if not redis.acl_check_cmd(unpack(words)) then
      answer[#answer + 1] = words[1] .. ' ' .. key
      break
    end
  end
end
local made = 0
if #answer == 0 then
  local names = redis.call('HMGET', KEYS[1], '#v', '#u')
  if not names[1] then
    redis.call('HSET', KEYS[1], '#v', ARGV[1], '#u', ARGV[2], '#s', ARGV[2])
    made = 1
  end
  local now = redis.call('HMGET', KEYS[1], '#v', '#u', '#s')
  return {now[1], now[2] or '', now[3] or '', made}
end
table.insert(answer, 1, 0)
table.insert(answer, 1, '')
table.insert(answer, 1, '')
table.insert(answer, 1, '')
return answer
