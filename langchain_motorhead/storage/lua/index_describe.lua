-- Store the description of a namespace's index, unless there is one already.
--
-- KEYS  description
-- ARGV  fields and values of the description
-- The field `documents` is there if documents were stored before the index was described.
--
-- Returns {1 if it was stored, else 0, fields and values of the description that is stored now}.
if redis.call('EXISTS', KEYS[1]) - redis.call('HEXISTS', KEYS[1], 'documents') == 1
  or redis.call('HLEN', KEYS[1]) > 1 then
  return {0, redis.call('HGETALL', KEYS[1])}
end
redis.call('HSET', KEYS[1], unpack(ARGV))
return {1, redis.call('HGETALL', KEYS[1])}
