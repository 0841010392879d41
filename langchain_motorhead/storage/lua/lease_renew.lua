-- Hold the lease for longer, if it is still ours.
--
-- KEYS  lease
-- ARGV  token, lease in ms
local holder = redis.call('GET', KEYS[1])
if holder == ARGV[1] or holder == ARGV[1] .. '!' then
  return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0
