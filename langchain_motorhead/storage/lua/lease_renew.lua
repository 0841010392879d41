-- Extend a lease, if this worker still holds it. A duration of 0 releases it.
--
-- KEYS  lease
-- ARGV  token of the worker, duration in ms
-- Returns 1 if the lease was extended, else 0.
whole(ARGV[2], 'duration')
local holder = redis.call('GET', KEYS[1])
if holder == ARGV[1] or holder == ARGV[1] .. '!' then
  return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0
