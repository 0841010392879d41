-- Store the documents of messages again, whose texts are in the list or the archive, or do nothing if the session changed.
--
-- KEYS  state, lease, number of documents that an expired session may have left
-- ARGV  token of the worker, duration of the lease in ms, epoch and revision as read, messages whose documents are to be made
--       again as read and from now on, sequence number after the last of these documents, generation of the index, prefix of
--       the documents' keys, user as a tag or '', messages that lack a vector as read and from now on, ms until these are to be
--       tried again, and for each document: rest of its key, sequence number, when it was said or '', how many values follow,
--       fields and values. The generation is 0 if the documents have no vectors.
-- Returns {0} if nothing was stored, else {2}: there may be more to be done.
local state, lease, stale = KEYS[1], KEYS[2], KEYS[3]
local token, duration, epoch, revision, note, left, upto, generation, prefix, user, before, vectorless = unpack(ARGV, 1, 12)
local pause, HEAD = ARGV[13], 13
local known = redis.call('HMGET', state, 'epoch', 'revision', 'remake', 'generation', 'vectorless', 'user', 'owned', 'until',
  'updated', 'indexed', 'embedded', 'renewing', 'renewed')
whole(duration, 'duration')
whole(pause, 'pause')
local stop = whole(upto, 'stop')
for _, each in ipairs({known[4] or '0', known[8] or '0', known[10] or '0', known[11] or '0', known[12] or '0', known[13] or '0',
  generation}) do
  whole(each, 'a number')
end
local place = HEAD + 1
while place <= #ARGV do
  local count = whole(ARGV[place + 3], 'number of values')
  if count < 0 or place + 3 + count > #ARGV or whole(ARGV[place + 1], 'sequence number') >= stop then
    error('a document is not complete. Nothing was written')
  end
  place = place + 4 + count
end
if known[1] ~= epoch or (known[2] or '0') ~= revision or to_remake(state) ~= note or (known[5] or '') ~= before
  or (known[6] and user == '') then
  return {0}
end
if generation ~= '0' and tonumber(known[4] or 0) > tonumber(generation) then
  return {0}
end

redis.call('HSET', state, 'epoch', epoch) -- at maxmemory, this is refused
if generation ~= '0' then
  redis.call('HSET', state, 'generation', generation)
end
local life, ends = redis.call('PTTL', state), nil
local indexed = math.max(tonumber(known[10] or 0), stop)
if life >= 0 then
  ends = outlive(state, stale, prefix, tonumber(known[10] or 0), life, tonumber(known[8] or 0), tonumber(known[12] or 0),
    tonumber(known[13] or 0))
  redis.call('SET', stale, math.max(indexed, tonumber(redis.call('GET', stale) or 0)), 'PXAT', string.format('%d', ends))
end
if user ~= '' and not known[10] then -- otherwise the next messages that are indexed see to all other documents
  redis.call('HSET', state, 'owned', '1')
end
local store, at = document_writer(prefix, epoch, user, ends), HEAD + 1
while at <= #ARGV do
  local seq, when, count = tonumber(ARGV[at + 1]), ARGV[at + 2], tonumber(ARGV[at + 3])
  store(ARGV, ARGV[at], seq, when == '' and known[9] or when, at + 4, count)
  at = at + 4 + count
end
if indexed > tonumber(known[10] or 0) then
  redis.call('HSET', state, 'indexed', indexed)
end
if left == '' then
  redis.call('HDEL', state, 'remake')
else
  redis.call('HSET', state, 'remake', left)
end
note_vectors(state, tonumber(known[11] or indexed), indexed, before, vectorless, pause)
extend_lease(lease, token, duration)
return {2}
