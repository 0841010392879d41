-- A function for the scripts that create a session. It is put before them.

-- Make the epoch of a new session: the 8 characters given, and 8 made of the time. Without the time, an append that is
-- sent again after a deletion would create the very epoch that a compaction has read before the deletion.
local function new_epoch(start)
  local time = redis.call('TIME')
  return start .. string.format('%08x', time[1] % 4294 * 1000000 + time[2])
end
