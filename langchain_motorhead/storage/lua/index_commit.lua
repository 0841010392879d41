-- Store the documents of messages and record that the messages are indexed, or do nothing if the session changed.
--
-- Documents are stored with their vectors, or without them if these are not known yet: then `embedded` is the first
-- sequence number from which on documents lack vectors. If they were stored without vectors since the session was read,
-- the vectors are added.
--
-- If the user has become known, or the session does not expire any more, the documents of earlier messages are changed first, some
-- in each call. Nothing is stored before all are.
--
-- KEYS  messages, state, lease, number of documents that an expired session may have left
-- ARGV  token of the worker, duration of the lease in ms, epoch, first and end of the sequence numbers, generation of the
--       index, prefix of the documents' keys, user as a tag or '', 1 if the documents have vectors, the messages that lack
--       one nevertheless as read and from now on, ms until these are to be tried again, the revision as read, of how many
--       earlier messages to change the documents, and for each document: rest of its key, sequence number, how many values
--       follow, fields and values
-- Returns {0} if nothing was stored; {1} if all is indexed, and the lease is released; {2} if more is to be indexed; {4} if the
--         documents of earlier messages are being changed: the same is to be called again.
local messages, state, lease, stale = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local token, duration, epoch, from, upto, generation, prefix, user, vectors, before = unpack(ARGV, 1, 10)
local vectorless, pause, revision, HEAD = ARGV[11], ARGV[12], ARGV[13], 14
local at_once = whole(ARGV[14], 'number of messages')
local known = redis.call('HMGET', state, 'epoch', 'first', 'indexed', 'generation', 'user', 'owned', 'until', 'updated',
  'embedded', 'vectorless', 'renewing', 'renewed', 'revision', 'owning', 'persisting')
local first, start, stop = whole(known[2] or '0', 'first'), whole(from, 'start'), whole(upto, 'stop')
whole(duration, 'duration')
whole(generation, 'generation')
whole(pause, 'pause')
for _, at in ipairs({3, 4, 7, 9, 11, 12, 14, 15}) do
  whole(known[at] or '0', 'a stored number')
end
local place = HEAD + 1
while place <= #ARGV do
  local seq, count = whole(ARGV[place + 1], 'sequence number'), whole(ARGV[place + 2], 'number of values')
  if count < 0 or place + 2 + count > #ARGV or seq < start or seq > stop then
    error('a document is not complete. Nothing was written')
  end
  place = place + 3 + count
end
local total = first + redis.call('LLEN', messages)
local indexed = math.max(tonumber(known[3] or 0), first)
local embedded = math.min(tonumber(known[9] or indexed), indexed)
if known[1] ~= epoch or stop > total or (known[5] and user == '') then
  return {0}
end
if (known[13] or '0') ~= revision then
  return {0} -- what was read may be forgotten since
end
if vectors == '1' and (embedded ~= start or (known[10] or '') ~= before
  or tonumber(known[4] or 0) > tonumber(generation)) then
  return {0}
end

-- Release the lease if nothing is left to do, else extend it.
local function finish()
  if vectors == '1' and stop == total and redis.call('GET', lease) == token then
    redis.call('DEL', lease)
    return {1}
  end
  extend_lease(lease, token, duration)
  return {2}
end

-- Do something for the keys of the documents of some messages before `start`. `done` is the field of the state that has the
-- number of messages for which this is done, and `from` its value. Returns whether it is done for all.
local function done_for_earlier(done, from, work)
  local to = math.min(start, from + at_once)
  for _, key in ipairs(document_keys(prefix, from, to)) do
    work(key)
  end
  if to < start then
    redis.call('HSET', state, done, to)
    extend_lease(lease, token, duration)
  else
    redis.call('HDEL', state, done)
  end
  return to >= start
end

if vectors == '1' and indexed ~= start and stop <= indexed then -- stored without vectors since the session was read
  local at = HEAD + 1
  while at <= #ARGV do
    local key, count = prefix .. ARGV[at], tonumber(ARGV[at + 2])
    if redis.call('EXISTS', key) == 1 then
      redis.call('HSET', key, unpack(ARGV, at + 3, at + 2 + count))
    end
    at = at + 3 + count
  end
  redis.call('HSET', state, 'generation', generation)
  note_vectors(state, stop, indexed, before, vectorless, pause)
  return finish()
end
if indexed ~= start then
  return {0}
end

local remake = to_remake(state)
redis.call('HSET', state, 'generation', generation) -- at maxmemory, this is refused
if remake ~= '' then
  redis.call('HSET', state, 'remake', remake)
end
-- Documents of a session of this id that expired before this one was created.
local left_over = tonumber(redis.call('GET', stale) or 0)
if left_over > 0 and left_over <= AT_ONCE and not known[3] then
  unlink_all(document_keys(prefix, 0, left_over))
  left_over = 0
end

local life, ends, old, renewing = redis.call('PTTL', state), nil, tonumber(known[7] or 0), tonumber(known[11] or 0)
if life >= 0 then
  if known[15] then
    redis.call('HDEL', state, 'persisting')
  end
  ends = outlive(state, stale, prefix, start, life, old, renewing, tonumber(known[12] or 0))
  redis.call('SET', stale, math.max(stop, left_over), 'PXAT', string.format('%d', ends))
elseif old > 0 or renewing > 0 or known[15] then
  -- Without these, an expiry that the session gets meanwhile begins with its first document.
  redis.call('HDEL', state, 'until', 'renewing', 'renewed')
  local from = old == 0 and renewing == 0 and tonumber(known[15]) or 0
  if not done_for_earlier('persisting', from, function(key)
    redis.call('PERSIST', key)
    redis.call('HDEL', key, 'ttl')
  end) then
    return {4}
  end
  redis.call('DEL', stale)
end

-- The user may have become known after earlier messages were indexed.
if user ~= '' and known[6] ~= '1' then
  if not done_for_earlier('owning', tonumber(known[14] or 0), function(key)
    if redis.call('EXISTS', key) == 1 then
      redis.call('HSET', key, 'user', user)
    end
  end) then
    return {4}
  end
  redis.call('HSET', state, 'owned', '1')
end

-- When each message was appended. The times are removed with the messages of the list.
local names, times = {}, {}
for seq = start, stop do
  names[#names + 1] = 't:' .. seq
end
local stamps = redis.call('HMGET', state, unpack(names))
local stamp = known[8]
for at = 1, #names do
  if stamps[at] then
    stamp = stamps[at]
  end
  times[start + at - 1] = stamp
end
if stop < total and not stamps[#names] then
  redis.call('HSET', state, 't:' .. stop, times[stop])
end

local store, at = document_writer(prefix, epoch, user, ends), HEAD + 1
while at <= #ARGV do
  local seq, count = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  store(ARGV, ARGV[at], seq, times[seq], at + 3, count)
  at = at + 3 + count
end
redis.call('HSET', state, 'indexed', upto)
if vectors == '1' then
  redis.call('HSET', state, 'generation', generation)
  note_vectors(state, stop, stop, before, vectorless, pause)
else
  redis.call('HSET', state, 'embedded', embedded)
end
return finish()
