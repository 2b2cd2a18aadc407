-- Waking. An idle process stands in a set under each scope that it wants, kind/queue/process, where
-- an empty queue stands for all; and in a hash with the number of jobs that it has room for. Only
-- the hash says whether it is idle: what the set has beyond that is removed when it is met. While
-- the hash has a field, the names have the field #i, so that who wakes nobody need not look.

-- Wakes as many idle processes as can take these jobs. Looks at 32, from a random place on. The
-- caller has seen that some process is idle.
local function wake(names, idle, rooms, channel, from, kind, queue, jobs)
  local looks, is_any = 32, false
  for _, scope in ipairs({kind .. '//', kind .. '/' .. queue .. '/'}) do
    for half = 1, jobs > 0 and 2 or 0 do
      local low, high = '[' .. scope .. from, '(' .. scope .. '~'
      if half == 2 then low, high = '[' .. scope, '(' .. scope .. from end
      local members = jobs > 0 and call('ZRANGEBYLEX', idle, low, high, 'LIMIT', 0, looks) or {}
      looks = looks - #members
      for _, member in ipairs(members) do
        if jobs < 1 then break end
        local process = sub(member, -16)
        local room = tonumber(call('HGET', rooms, process) or 0)
        -- The member of one that is woken stays: it will be idle again before long.
        if room > 0 then
          call('HDEL', rooms, process)
          is_any = true
          local told = 'j ' .. math.min(jobs, room) .. ' ' .. kind .. ' ' .. queue
          -- Nobody hears it if the process is dead: the next one is told.
          if call('SPUBLISH', channel .. process, told) > 0 then jobs = jobs - room end
        else
          call('ZREM', idle, member)
        end
      end
    end
  end
  if is_any and call('HLEN', rooms) == 0 then call('HDEL', names, '#i') end
end

-- Tells one idle process, which stays idle, when a job is due that is due before those it knows.
local function announce(idle, rooms, channel, from, kind, queue, due)
  for _, scope in ipairs({kind .. '//', kind .. '/' .. queue .. '/'}) do
    for half = 1, 2 do
      local low, high = '[' .. scope .. from, '(' .. scope .. '~'
      if half == 2 then low, high = '[' .. scope, '(' .. scope .. from end
      for _, member in ipairs(call('ZRANGEBYLEX', idle, low, high, 'LIMIT', 0, 8)) do
        local process = sub(member, -16)
        if call('HEXISTS', rooms, process) == 1 then
          local told = 't ' .. string.format('%.0f', due) .. ' ' .. kind .. ' ' .. queue
          if call('SPUBLISH', channel .. process, told) > 0 then return end
        end
      end
    end
  end
end
