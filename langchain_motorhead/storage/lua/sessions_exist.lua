-- Read which sessions exist, on the primary. See primary_read.lua.
--
-- KEYS  state of each session
-- ARGV  none
-- Returns 1 or 0 for each session.
local found = {}
for at = 1, #KEYS do
  found[at] = redis.call('EXISTS', KEYS[at])
end
return found
