-- Stage chunks of the archive of a session that is imported. They expire after ten minutes without a next step.
--
-- KEYS  sorted set of staged chunks
-- ARGV  for each chunk its score and the chunk itself
-- Returns 1.
for at = 1, #ARGV, 2 do
  redis.call('ZADD', KEYS[1], ARGV[at], ARGV[at + 1])
end
return redis.call('PEXPIRE', KEYS[1], 600000)
