-- Store the description of a namespace's index, unless there is one already.
--
-- The field `documents` is there alone if documents were stored before the index was described.
--
-- KEYS  description
-- ARGV  fields and values of the description
-- Returns {1 if it was stored, else 0, fields and values of the description that is stored now}.
local known = redis.call('HMGET', KEYS[1], 'model', 'documents')
if known[1] or (redis.call('EXISTS', KEYS[1]) == 1 and not known[2]) then
  return {0, redis.call('HGETALL', KEYS[1])}
end
redis.call('HSET', KEYS[1], unpack(ARGV))
return {1, redis.call('HGETALL', KEYS[1])}
