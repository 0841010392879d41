-- Delete a session with its documents. A compaction or indexing under way finds no epoch, or another one, and stops.
--
-- If there are too many documents for one script, they are left to `documents_erase`. It has to be noted before that they are
-- to be erased, so that they are erased whatever happens. No search shows them.
--
-- KEYS  messages, state, marks of the messages, archive, leases of compaction and indexing, number of documents that an
--       expired session may have left, versions of the summary, the summary that is being rebuilt, its lease, the seven keys
--       of the facts of a session without a user, and the registries that list the session (none if they are in another
--       cluster slot)
-- ARGV  session id, user of the session or '', prefix of the documents' keys, 1 to delete only what an expired session left,
--       number of messages of which it is noted that their documents are to be erased
-- Returns how many keys of the session were deleted. Having done nothing: -1 if it belongs to another user; -2 - N if it has
--         the documents of N messages, which is too many, and of so many nothing is noted; 'later' if the session has a later
--         layout, of which these scripts do not know all keys.
local LATER = 'later'
local state, REGISTRIES = KEYS[2], 17
local there = redis.call('EXISTS', state) == 1
local known = redis.call('HMGET', state, 'user', 'indexed', 'groups', 'first', 'format')
-- A damaged number is no reason to keep a session.
if (tonumber(known[5]) or 0) > tonumber(FORMAT) then
  return LATER
end
if there and (ARGV[4] == '1' or (known[1] or '') ~= ARGV[2]) then
  return -1
end
-- A damaged count is not believed: no session has so many messages.
local indexed = tonumber(known[2]) or 0
if not (indexed >= 0 and indexed < 1e10) then
  indexed = math.min(tonumber(known[4]) or 0, 1e10) + redis.call('LLEN', KEYS[1])
end
local count = math.max(indexed, tonumber(redis.call('GET', KEYS[7])) or 0)
local many = count > AT_ONCE
if many and ARGV[4] ~= '1' and count > whole(ARGV[5], 'noted') then
  return -2 - count
end
for at = REGISTRIES + 1, #KEYS do
  redis.call('ZREM', KEYS[at], ARGV[1])
end
if #KEYS > REGISTRIES then
  for key in (known[3] or ''):gmatch('%S+') do -- groups of the REST server
    redis.call('ZREM', key, ARGV[1])
  end
end
if not many then
  unlink_all(document_keys(ARGV[3], 0, count))
end
redis.call('UNLINK', KEYS[4], KEYS[7], KEYS[8], KEYS[9], KEYS[10])
redis.call('UNLINK', unpack(KEYS, 11, REGISTRIES)) -- facts
return redis.call('UNLINK', KEYS[1], state, KEYS[3], KEYS[5], KEYS[6])
