-- A function for the scripts that make a session: it goes before them.

-- Make an epoch that begins with 8 characters. Its other 8 are of the time: one script, sent again after a deletion, would
-- otherwise make the very epoch that a compaction read before it.
local function new_epoch(start)
  local time = redis.call('TIME')
  return start .. string.format('%08x', time[1] % 4294 * 1000000 + time[2])
end
