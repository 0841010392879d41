-- Append messages to a session, creating it if needed. All or nothing. A message whose id is known is left out, so an append
-- that is sent again changes nothing.
--
-- KEYS  messages, state, number of documents that an expired session may have left and archive (without TTL, any keys), and
--       the registries that list the session (none if they are in another cluster slot)
-- ARGV  session id, now in microseconds, token of this append, user or '', TTL in ms or 0,
--       token counts of the messages separated by commas or '', 1 with recall (not read), prefix of the documents' keys,
--       fingerprints of the messages' ids (11 characters each, spaces for no id) or '', epochs that generated the ids
--       (16 characters each) or '', which messages to leave out ('nothing': none; '': those with a known id; 'N' or 'N+':
--       the messages are the newest of a conversation, or all of it without '+', of which up to N may be new), and the
--       messages
-- Returns {0, user} if the session belongs to another user; {2, 1 if the newest message is known} if the ids do not say
--         what is new; else {1, length of the list, tokens of the list or nil, messages appended, their tokens or nil}.
local messages, state = KEYS[1], KEYS[2]
local id, now, token, user, ttl, tokens, recall, prefix, marks, origins, leave = unpack(ARGV, 1, 11)
local HEAD, REMEMBERED, MARK = 11, 128, 11
local NONE = string.rep(' ', MARK)
local known = redis.call('HMGET', state, 'epoch', 'user', 'last', 'size', 'first', 'until', 'indexed', 'ids')
if user ~= '' and known[2] and known[2] ~= user then
  return {0, known[2]}
end
if known[3] == token then
  return {1, redis.call('LLEN', messages), tonumber(known[4]) or false, 0, false} -- sent again, as the reply was lost
end

local function has(ids, mark)
  local from = 1
  while true do
    local at = ids:find(mark, from, true)
    if not at or at % MARK == 1 then
      return at ~= nil
    end
    from = at + 1
  end
end

-- Which messages are new, by their position.
local ids, fresh, count = known[8] or '', {}, #ARGV - HEAD
local found, added, marked, first = {}, {}, {}, 1
for at = 1, marks == '' and 0 or count do
  local mark = marks:sub(MARK * (at - 1) + 1, MARK * at)
  local ours = known[1] and origins:sub(16 * at - 15, 16 * at) == known[1]
  found[at] = leave ~= 'nothing' and (ours or (mark ~= NONE and has(ids, mark)))
end
local newest = tonumber(leave:match('^%d+'))
if newest and (known[1] or leave:sub(-1) == '+') then
  -- A conversation. It is clear what is new if all that are known come in one piece, which forgotten ids may precede,
  -- and the newest N alone follow.
  local oldest
  for at = count, 1, -1 do
    if found[at] then
      oldest = at
      first = math.max(first, at + 1)
    end
  end
  local clear = not found[count] and (oldest or (count <= newest and leave:sub(-1) ~= '+')) and first > count - newest
  for at = oldest or 1, first - 1 do
    clear = clear and found[at]
  end
  if not clear then
    return {2, found[count] and 1 or 0}
  end
end
for at = first, count do
  local mark = marks == '' and NONE or marks:sub(MARK * (at - 1) + 1, MARK * at)
  if not found[at] and not (added[mark] and leave ~= 'nothing') then
    fresh[#fresh + 1] = at
    if mark ~= NONE and not has(ids, mark) and not added[mark] then
      added[mark] = true
      marked[#marked + 1] = mark
    end
  end
end
ids = ids .. table.concat(marked)

if #fresh == 0 then
  return {1, redis.call('LLEN', messages), tonumber(known[4]) or false, 0, false}
end
-- First, so that a key of another type in the place of a registry is noticed before anything is stored.
for at = 5, #KEYS do
  enlist(KEYS[at], now, id, ttl)
end

-- Lua's stack holds about 8,000 values.
local records, length = {}, 0
for at = 1, #fresh do
  records[at] = ARGV[HEAD + fresh[at]]
end
for from = 1, #records, 4000 do
  length = redis.call('RPUSH', messages, unpack(records, from, math.min(from + 3999, #records)))
end
-- Time of the messages from this sequence number on; deleted when they leave the list.
local since = 't:' .. (tonumber(known[5] or 0) + length - #records)
if known[1] then
  redis.call('HSET', state, 'updated', now, 'last', token, since, now)
else
  redis.call('HSET', state, 'epoch', new_epoch(token:sub(-8)), 'created', now, 'updated', now, 'last', token, since, now,
    'format', 1)
end
if ids ~= '' and ids ~= known[8] then
  redis.call('HSET', state, 'ids', ids:sub(-MARK * REMEMBERED))
end
if user ~= '' and not known[2] then
  redis.call('HSET', state, 'user', user)
end
local size, sum = false, false
if tokens ~= '' then
  local sizes = {}
  sum = 0
  for each in tokens:gmatch('%d+') do
    sizes[#sizes + 1] = tonumber(each)
  end
  for _, at in ipairs(fresh) do
    sum = sum + sizes[at]
  end
  size = redis.call('HINCRBY', state, 'size', sum)
end
if ttl ~= '0' then
  redis.call('PEXPIRE', messages, ttl)
  redis.call('PEXPIRE', state, ttl)
  redis.call('PEXPIRE', KEYS[4], ttl)
  if known[7] then
    outlive(state, KEYS[3], prefix, tonumber(known[7]), tonumber(ttl), tonumber(known[6] or 0))
  end
end
return {1, length, size, #records, sum}
