-- Delete a session with its documents. A compaction or indexing in flight finds no epoch, or another, and gives up.
--
-- KEYS  messages, state, leases of compaction and indexing, count of documents that may be left of an expired session,
--       and the registries that list the session (none where they are in another cluster slot)
-- ARGV  session id, the user whose it is, or '', what the keys of documents begin with, 1 to delete only what is left of
--       an expired session
-- Returns how many keys of the session there were, or -1, having done nothing, if it is another user's.
local state = KEYS[2]
local there = redis.call('EXISTS', state) == 1
local known = redis.call('HMGET', state, 'user', 'indexed', 'groups')
if there and (ARGV[4] == '1' or (known[1] or '') ~= ARGV[2]) then
  return -1
end
for at = 6, #KEYS do
  redis.call('ZREM', KEYS[at], ARGV[1])
end
if #KEYS > 5 then
  for key in (known[3] or ''):gmatch('%S+') do -- what a server listed it in, too
    redis.call('ZREM', key, ARGV[1])
  end
end
local count = math.max(tonumber(known[2] or 0), tonumber(redis.call('GET', KEYS[5]) or 0))
unlink_all(document_keys(ARGV[3], 0, count))
redis.call('UNLINK', KEYS[5])
return redis.call('UNLINK', KEYS[1], state, KEYS[3], KEYS[4])
