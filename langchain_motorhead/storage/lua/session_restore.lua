-- Create an exported session again, completely or not at all.
--
-- KEYS  messages, state, marks of the messages (lib_marks.lua), archive, leases of compaction and indexing, number of
--       documents that an expired session may have left, versions of the summary (lib_summaries.lua), the summary that is being
--       made again, its lease, list of staged messages, hash of staged marks, staged archive, and registries: first those
--       that are to list the session, then those that are not any more (none if they are in another cluster slot)
-- ARGV  session id, digest of the imported data, with which the epoch begins (8 characters), 1 to replace an existing
--       session, user of the existing session or '', prefix of the documents' keys, TTL in ms or 0, time of the last
--       activity in microseconds, number of messages, 1 if they are staged, how many registries are to list the session,
--       how many marks are staged, marks that are not staged, number of staged chunks of the archive, how many values
--       follow, how many records of the summary's versions follow these, number of messages of which it is noted that their
--       documents are to be erased, epoch and revision of the session to replace as read or '', fields and values of the
--       state, the records, and the messages that are not staged
-- Returns {0} if another session exists; {1} if the session was created; {2} if the same import created it before; {3} if a
--         session of another user than the one given exists; {4} if staged messages are missing; {5} if the session to replace
--         has too many documents for one script, and it is not noted that these are to be erased; {6} if messages of it were
--         forgotten since it was read.
local messages, state, marked, archive, stale = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[7]
local versions, staged, staged_marks, staged_archive = KEYS[8], KEYS[11], KEYS[12], KEYS[13]
local id, digest, replace, owner, prefix, ttl, active, count, is_staged, listing, mark_count, given, chunks, width =
  unpack(ARGV, 1, 14)
local HEAD, CHUNK, REGISTRIES = 17, 4000, 13
local listed_count, fields = whole(listing, 'registries'), HEAD + whole(width, 'fields')
local records = fields + whole(ARGV[15], 'records')
local staged_count, length, chunk_count = whole(mark_count, 'marks'), whole(count, 'count'), whole(chunks, 'chunks')
if fields > records or records > #ARGV or (is_staged ~= '1' and #ARGV - records ~= length) then
  error('values are missing. Nothing was written')
end
whole(ttl, 'ttl')
whole(active, 'the time')
local known = redis.call('HMGET', state, 'epoch', 'user', 'indexed', 'groups', 'revision')
local noted = whole(ARGV[16], 'noted')
if known[1] and known[1]:sub(1, 8) == digest then
  redis.call('UNLINK', staged, staged_marks, staged_archive)
  return {2}
end
-- Messages whose state was evicted belong to a session, too.
if replace ~= '1' and (known[1] or redis.call('EXISTS', messages) == 1) then
  redis.call('UNLINK', staged, staged_marks, staged_archive)
  return {0}
end
if known[1] and (known[2] or '') ~= owner then
  return {3}
end
if known[1] and ARGV[17] ~= known[1] .. ' ' .. (known[5] or '0') then
  return {6}
end
if (is_staged == '1' and redis.call('LLEN', staged) ~= length)
  or (staged_count > 0 and redis.call('EXISTS', staged_marks) == 0)
  or (chunk_count > 0 and redis.call('LLEN', staged_archive) ~= chunk_count) then
  redis.call('UNLINK', staged, staged_marks, staged_archive)
  return {4}
end
-- First, so that a key of another type in the place of one of ours is noticed before anything is stored.
local documents = math.max(whole(known[3] or '0', 'indexed'), whole(redis.call('GET', stale) or '0', 'documents'))
if documents > AT_ONCE and documents > noted then
  return {5}
end
local found = documents > AT_ONCE and {} or document_keys(prefix, 0, documents)
redis.call('HSET', state, 'updated', active) -- at maxmemory, this is refused
local listed = {}
for at = REGISTRIES + 1, #KEYS do
  if at - REGISTRIES <= listed_count then
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
redis.call('UNLINK', messages, state, marked, archive, KEYS[5], KEYS[6], stale, versions, KEYS[9], KEYS[10])

redis.call('HSET', state, 'epoch', new_epoch(digest))
for from = HEAD + 1, fields, CHUNK do
  redis.call('HSET', state, unpack(ARGV, from, math.min(from + CHUNK - 1, fields)))
end
if staged_count > 0 then
  redis.call('RENAME', staged_marks, marked)
  redis.call('PERSIST', marked)
end
if staged_count > 0 or given ~= '' then
  local marks = open_marks(marked, staged_count)
  load_marks(marks, given)
  for at = 1, #given, MARK do
    visit_mark(marks, given, at, true)
  end
  redis.call('HSET', state, 'marks', save_marks(marks))
end
if is_staged == '1' then
  redis.call('RENAME', staged, messages)
  redis.call('PERSIST', messages)
else
  for from = records + 1, #ARGV, CHUNK do
    redis.call('RPUSH', messages, unpack(ARGV, from, math.min(from + CHUNK - 1, #ARGV)))
  end
end
if records > fields then
  redis.call('RPUSH', versions, unpack(ARGV, fields + 1, records))
  redis.call('HSET', state, 'versions', string.format('%d', records - fields))
end
if chunk_count > 0 then
  redis.call('RENAME', staged_archive, archive)
  redis.call('PERSIST', archive)
end
if ttl ~= '0' then
  redis.call('PEXPIRE', archive, ttl)
  redis.call('PEXPIRE', versions, ttl)
  redis.call('PEXPIRE', messages, ttl)
  redis.call('PEXPIRE', state, ttl)
  redis.call('PEXPIRE', marked, ttl)
end
return {1}
