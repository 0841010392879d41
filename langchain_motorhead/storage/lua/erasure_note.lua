-- Note that documents of a session are to be erased, or that they are.
--
-- KEYS  description of the namespace's index
-- ARGV  field of the session, number of messages whose documents are to be erased, or 0 if all are
-- Returns how many sessions of the namespace are noted.
local count = whole(ARGV[2], 'count')
local known = redis.call('HMGET', KEYS[1], ARGV[1], 'erasing', 'model')
local was, others = whole(known[1] or '0', 'count'), whole(known[2] or '0', 'erasing')
if count == 0 then
  if was > 0 then
    redis.call('HDEL', KEYS[1], ARGV[1])
    others = redis.call('HINCRBY', KEYS[1], 'erasing', -1)
    if others <= 0 then
      redis.call('HDEL', KEYS[1], 'erasing')
    end
  end
  return others
end
redis.call('HDEL', KEYS[1], '') -- of nothing: after a removal, a full Redis refuses no write, and the deletion makes room
redis.call('HSET', KEYS[1], ARGV[1], math.max(count, was))
if was == 0 then
  others = redis.call('HINCRBY', KEYS[1], 'erasing', 1)
end
if not known[3] then
  redis.call('HSET', KEYS[1], 'documents', 1) -- an index that is described later includes documents that are there
end
return others
