-- Describe the index of a namespace, unless it is described already.
--
-- KEYS  description
-- ARGV  its fields and values
-- Returns {1 if it was not described yet, its fields and values}.
if redis.call('EXISTS', KEYS[1]) == 1 then
  return {0, redis.call('HGETALL', KEYS[1])}
end
redis.call('HSET', KEYS[1], unpack(ARGV))
return {1, redis.call('HGETALL', KEYS[1])}
