-- The keys of the scripts that take jobs from instances, by name.
local K = {names = KEYS[1], states = KEYS[2], waiting = KEYS[3], hints = KEYS[4],
  suspects = KEYS[5], retrying = KEYS[6], attempts = KEYS[7], ends = KEYS[8], failed = KEYS[9],
  by_time = KEYS[10], counts = KEYS[11], cancels = KEYS[12], awaited = KEYS[13],
  paused = KEYS[14], idle = KEYS[15], rooms = KEYS[16]}
local now = clock()
