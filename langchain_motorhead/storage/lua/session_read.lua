-- Read a session at one instant, so that a message is never seen both in the summary and in the list, or in neither.
--
-- KEYS  messages, state
-- ARGV  first and last position of the list to return, as LRANGE takes them
-- Returns {epoch, first, summary, tokens, failures, user, size, indexed, length, messages}.
local reply = redis.call('HMGET', KEYS[2], 'epoch', 'first', 'summary', 'tokens', 'failures', 'user', 'size', 'indexed')
reply[9] = redis.call('LLEN', KEYS[1])
reply[10] = redis.call('LRANGE', KEYS[1], ARGV[1], ARGV[2])
return reply
