-- Release the compaction lease, if this worker still holds it, and correct the token count of the list.
--
-- KEYS  state, lease
-- ARGV  token of the worker, epoch, change of `size` or ''
-- Returns 1, and keeps the lease, if another worker asked for a compaction since this one read the session; else 0.
local size = ARGV[3] ~= '' and whole(ARGV[3], 'size')
whole(redis.call('HGET', KEYS[1], 'size') or '0', 'size')
if size and redis.call('HGET', KEYS[1], 'epoch') == ARGV[2] then
  redis.call('HINCRBY', KEYS[1], 'size', ARGV[3])
end
local holder = redis.call('GET', KEYS[2])
if holder == ARGV[1] then
  redis.call('DEL', KEYS[2])
end
return holder == ARGV[1] .. '!' and 1 or 0
