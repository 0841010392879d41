-- Tell whether the search module takes the name of an index for a key. Not by redis-py's COMMAND INFO, which fails for a
-- command that a server does not know.
--
-- KEYS  none
-- ARGV  none
-- Returns the position of the first key of FT.SEARCH, 0 if it has none, or -1 if there is no search module.
local known = redis.call('COMMAND', 'INFO', 'FT.SEARCH')[1]
return known and known[4] or -1
