-- Put a session in place as it was exported, all of it or nothing.
--
-- KEYS  messages, state, leases of compaction and indexing, count of documents that may be left of an expired session,
--       messages that were staged, and registries: those that are to list the session, then those that no longer are
--       (none where they are in another cluster slot)
-- ARGV  session id, digest of what is imported, with which the epoch begins (8 characters), 1 to replace a session that is
--       there, the user whose that one is or '', what the keys of documents begin with, TTL in ms or 0, time of the last
--       activity in µs, messages there are, 1 if they were staged, how many registries are to list it, how many values
--       follow, fields and values of the state, and the messages that were not staged
-- Returns {0} if another session is there, {1} if it was put in place, {2} if it was before, {3} if a session is there of
--         another user than was given, {4} if messages are missing of what was staged.
local messages, state, stale, staged = KEYS[1], KEYS[2], KEYS[5], KEYS[6]
local id, digest, replace, owner, prefix, ttl, active, count, is_staged, listing, width = unpack(ARGV, 1, 11)
local HEAD, CHUNK = 11, 4000
local known = redis.call('HMGET', state, 'epoch', 'user', 'indexed', 'groups')
if known[1] and known[1]:sub(1, 8) == digest then
  redis.call('UNLINK', staged)
  return {2}
end
-- Messages whose state Redis dropped are somebody's, too.
if replace ~= '1' and (known[1] or redis.call('EXISTS', messages) == 1) then
  redis.call('UNLINK', staged)
  return {0}
end
if known[1] and (known[2] or '') ~= owner then
  return {3}
end
if is_staged == '1' and redis.call('LLEN', staged) ~= tonumber(count) then
  redis.call('UNLINK', staged)
  return {4}
end
-- First, so that a foreign key in the place of one of ours is found before anything is stored.
local documents = math.max(tonumber(known[3] or 0), tonumber(redis.call('GET', stale) or 0))
local found = document_keys(prefix, 0, documents)
local listed = {}
for at = 7, #KEYS do
  if at - 6 <= tonumber(listing) then
    redis.call('ZADD', KEYS[at], active, id)
    listed[KEYS[at]] = true
  else
    redis.call('ZREM', KEYS[at], id)
  end
end
if #KEYS > 6 then
  for key in (known[4] or ''):gmatch('%S+') do -- what a server listed the replaced one in, too
    if not listed[key] then
      redis.call('ZREM', key, id)
    end
  end
end
unlink_all(found)
redis.call('UNLINK', messages, state, KEYS[3], KEYS[4], stale)

redis.call('HSET', state, 'epoch', new_epoch(digest))
local fields = HEAD + tonumber(width)
for from = HEAD + 1, fields, CHUNK do
  redis.call('HSET', state, unpack(ARGV, from, math.min(from + CHUNK - 1, fields)))
end
if is_staged == '1' then
  redis.call('RENAME', staged, messages)
  redis.call('PERSIST', messages)
else
  for from = fields + 1, #ARGV, CHUNK do
    redis.call('RPUSH', messages, unpack(ARGV, from, math.min(from + CHUNK - 1, #ARGV)))
  end
end
if ttl ~= '0' then
  redis.call('PEXPIRE', messages, ttl)
  redis.call('PEXPIRE', state, ttl)
end
return {1}
