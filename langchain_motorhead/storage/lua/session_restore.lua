-- Create an exported session again, completely or not at all.
--
-- KEYS  messages, state, leases of compaction and indexing, number of documents that an expired session may have left,
--       list of staged messages, archive, staged archive, and registries: first those that are to list the session, then
--       those that are not any more (none if they are in another cluster slot)
-- ARGV  session id, digest of the imported data, with which the epoch begins (8 characters), 1 to replace an existing
--       session, user of the existing session or '', prefix of the documents' keys, TTL in ms or 0, time of the last
--       activity in microseconds, number of messages, 1 if they are staged, how many registries are to list the session,
--       number of staged chunks of the archive, how many values follow, fields and values of the state, and the messages that are not staged
-- Returns {0} if another session exists; {1} if the session was created; {2} if the same import created it before; {3} if a
--         session of another user than the one given exists; {4} if staged messages are missing.
local messages, state, stale, staged, archive, staged_archive = KEYS[1], KEYS[2], KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local id, digest, replace, owner, prefix, ttl, active, count, is_staged, listing, chunks, width = unpack(ARGV, 1, 12)
local HEAD, CHUNK, REGISTRIES = 12, 4000, 8
local known = redis.call('HMGET', state, 'epoch', 'user', 'indexed', 'groups')
if known[1] and known[1]:sub(1, 8) == digest then
  redis.call('UNLINK', staged, staged_archive)
  return {2}
end
-- Messages whose state was evicted belong to a session, too.
if replace ~= '1' and (known[1] or redis.call('EXISTS', messages) == 1) then
  redis.call('UNLINK', staged, staged_archive)
  return {0}
end
if known[1] and (known[2] or '') ~= owner then
  return {3}
end
if is_staged == '1' and redis.call('LLEN', staged) ~= tonumber(count)
  or chunks ~= '0' and redis.call('LLEN', staged_archive) ~= tonumber(chunks) then
  redis.call('UNLINK', staged, staged_archive)
  return {4}
end
-- First, so that a key of another type in the place of one of ours is noticed before anything is stored.
local documents = math.max(tonumber(known[3] or 0), tonumber(redis.call('GET', stale) or 0))
local found = document_keys(prefix, 0, documents)
local listed = {}
for at = REGISTRIES + 1, #KEYS do
  if at - REGISTRIES <= tonumber(listing) then
    enlist(KEYS[at], active, id, ttl)
    listed[KEYS[at]] = true
  else
    redis.call('ZREM', KEYS[at], id)
  end
end
if #KEYS > REGISTRIES then
  for key in (known[4] or ''):gmatch('%S+') do -- groups of the REST server that list the replaced session
    if not listed[key] then
      redis.call('ZREM', key, id)
    end
  end
end
unlink_all(found)
redis.call('UNLINK', messages, state, KEYS[3], KEYS[4], stale, archive)

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
if chunks ~= '0' then
  redis.call('RENAME', staged_archive, archive)
  redis.call('PERSIST', archive)
end
if ttl ~= '0' then
  redis.call('PEXPIRE', archive, ttl)
  redis.call('PEXPIRE', messages, ttl)
  redis.call('PEXPIRE', state, ttl)
end
return {1}
