-- Delete a session. A compaction in flight finds no epoch, or another, and gives up.
--
-- KEYS  messages, state, lease, and the registries that list the session (none where they are in another cluster slot)
-- ARGV  session id, the user whose it is, or ''
-- Returns how many keys of the session there were, or -1, having done nothing, if it is another user's.
if (redis.call('HGET', KEYS[2], 'user') or '') ~= ARGV[2] then
  return -1
end
for at = 4, #KEYS do
  redis.call('ZREM', KEYS[at], ARGV[1])
end
return redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3])
