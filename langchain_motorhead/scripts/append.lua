-- Append messages, together with everything that must agree with them. Nothing is written if anything is refused.
--
-- KEYS  messages, state, count of documents that may be left of an expired session, and the registries that list the
--       session (none where they are in another cluster slot)
-- ARGV  session id, now in µs, token of this append (and epoch if the session is new), user or '', TTL in ms or 0,
--       tokens of the messages or '', 1 to keep the time for recall, what the keys of documents
--       begin with, and the messages
-- Returns {0, user} if the session is another user's, else {1, length, tokens of the list or nil}.
local messages, state = KEYS[1], KEYS[2]
local id, now, epoch, user, ttl, tokens, recall, prefix = unpack(ARGV, 1, 8)
local known = redis.call('HMGET', state, 'epoch', 'user', 'last', 'size', 'first', 'until', 'indexed')
if user ~= '' and known[2] and known[2] ~= user then
  return {0, known[2]}
end
if known[3] == epoch then
  return {1, redis.call('LLEN', messages), tonumber(known[4]) or false} -- sent again, as its answer was lost
end
-- First, so that a foreign key in the place of a registry is found before anything is stored.
for at = 4, #KEYS do
  redis.call('ZADD', KEYS[at], now, id)
end

-- Lua's stack holds some 8,000 values.
local length = 0
for from = 9, #ARGV, 4000 do
  length = redis.call('RPUSH', messages, unpack(ARGV, from, math.min(from + 3999, #ARGV)))
end
if known[1] then
  redis.call('HSET', state, 'updated', now, 'last', epoch)
else
  redis.call('HSET', state, 'epoch', epoch, 'created', now, 'updated', now, 'last', epoch, 'format', 1)
end
if recall == '1' then
  -- When the messages from this sequence number on were said; forgotten when they are indexed.
  redis.call('HSET', state, 't:' .. (tonumber(known[5] or 0) + length - (#ARGV - 8)), now)
end
if user ~= '' and not known[2] then
  redis.call('HSET', state, 'user', user)
end
local size = false
if tokens ~= '' then
  size = redis.call('HINCRBY', state, 'size', tokens)
end
if ttl ~= '0' then
  redis.call('PEXPIRE', messages, ttl)
  redis.call('PEXPIRE', state, ttl)
  if known[7] then
    outlive(state, KEYS[3], prefix, tonumber(known[7]), tonumber(ttl), tonumber(known[6] or 0))
  end
end
return {1, length, size}
