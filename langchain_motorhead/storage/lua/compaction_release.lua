-- Give the lease back, if it is still ours; and correct the count of the list's tokens, where it was found wrong.
--
-- KEYS  state, lease
-- ARGV  token, epoch, change of `size` or ''
-- Returns 1, having kept the lease, if somebody asked for a compaction since this one looked.
if ARGV[3] ~= '' and redis.call('HGET', KEYS[1], 'epoch') == ARGV[2] then
  redis.call('HINCRBY', KEYS[1], 'size', ARGV[3])
end
local holder = redis.call('GET', KEYS[2])
if holder == ARGV[1] then
  redis.call('DEL', KEYS[2])
end
return holder == ARGV[1] .. '!' and 1 or 0
