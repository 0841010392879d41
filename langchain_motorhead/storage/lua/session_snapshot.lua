-- Read the whole state of a session and its first messages at one instant, for an export.
--
-- KEYS  messages, state
-- ARGV  last position of the messages to return, as LRANGE takes it
-- Returns {fields and values of the state, ms until it expires or a negative number, length of the list, messages}.
local fields = redis.call('HGETALL', KEYS[2])
return {fields, redis.call('PTTL', KEYS[2]), redis.call('LLEN', KEYS[1]), redis.call('LRANGE', KEYS[1], 0, ARGV[1])}
