-- Waking. An idle process stands in a set under each scope that it wants, kind/queue/process, where
-- an empty queue stands for all; and in a hash with the number of jobs that it has room for. Only
-- the hash says whether it is idle: what the set has beyond that is removed when it is met. While
-- the hash has a field, the names have the field #i, so a script that wakes nobody need not look.

-- Visits idle processes that want such jobs, from a random one on: up to 32, until a visit says that
-- it is enough. Members of processes that are not idle are removed, up to 256.
local function visit_idle(idle, rooms, from, kind, queue, visit)
  local looks, removals = 32, 256
  for _, scope in ipairs({kind .. '//', kind .. '/' .. queue .. '/'}) do
    for half = 1, 2 do
      local low, high = '[' .. scope .. from, '(' .. scope .. '~'
      if half == 2 then low, high = '[' .. scope, '(' .. scope .. from end
      repeat
        local members = call('ZRANGEBYLEX', idle, low, high, 'LIMIT', 0, 32)
        for _, member in ipairs(members) do
          local process = sub(member, -16)
          local room = tonumber(call('HGET', rooms, process) or 0)
          if room > 0 then
            looks = looks - 1
            if visit(process, room) or looks < 1 then return end
          else
            call('ZREM', idle, member)
            removals = removals - 1
            if removals < 1 then return end
          end
          low = '(' .. member
        end
      until #members < 32
    end
  end
end

-- Wakes as many idle processes as can take these jobs. The caller has seen that some process is
-- idle.
local function wake(names, idle, rooms, channel, from, kind, queue, jobs)
  if jobs < 1 then return end
  local is_any = false
  visit_idle(idle, rooms, from, kind, queue, function (process, room)
    -- The member of one that is woken stays: it will be idle again before long.
    call('HDEL', rooms, process)
    is_any = true
    local told = 'j ' .. math.min(jobs, room) .. ' ' .. kind .. ' ' .. queue
    -- Nobody hears it if the process is dead: the next one is told.
    if call('SPUBLISH', channel .. process, told) > 0 then jobs = jobs - room end
    return jobs < 1
  end)
  if is_any and call('HLEN', rooms) == 0 then call('HDEL', names, '#i') end
end

-- Tells one idle process, which stays idle, when a job is due that is due before those it knows.
local function announce(idle, rooms, channel, from, kind, queue, due)
  visit_idle(idle, rooms, from, kind, queue, function (process)
    local told = 't ' .. string.format('%.0f', due) .. ' ' .. kind .. ' ' .. queue
    return call('SPUBLISH', channel .. process, told) > 0
  end)
end
