-- Stage chunks of the archive of a session that is imported. They expire after ten minutes without a next step.
--
-- KEYS  list of staged chunks
-- ARGV  chunks to add to it
-- Returns 1.
redis.call('RPUSH', KEYS[1], unpack(ARGV))
return redis.call('PEXPIRE', KEYS[1], 600000)
