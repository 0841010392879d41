-- Stage messages of a session that is imported in several steps. They expire after ten minutes without a next step.
--
-- KEYS  list of staged messages
-- ARGV  messages to add to it
-- Returns 1.
redis.call('RPUSH', KEYS[1], unpack(ARGV))
return redis.call('PEXPIRE', KEYS[1], 600000)
