-- Read the whole state of a session and its first messages at one instant, for an export.
--
-- KEYS  messages, state, versions of the summary (lib_summaries.lua)
-- ARGV  last position of the messages to return, as LRANGE takes it
-- Returns {fields and values of the state, ms until it expires or a negative number, length of the list, messages, records of
--         the versions}.
local messages, state = KEYS[1], KEYS[2]
local fields, versions = redis.call('HGETALL', state), records_of(KEYS[3], state)
local found = redis.call('LRANGE', messages, 0, ARGV[1])
return {fields, redis.call('PTTL', state), redis.call('LLEN', messages), found, versions}
