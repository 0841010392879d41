-- Append messages to a session, creating it if needed. All or nothing. A message whose id is known is left out, at any
-- distance, so an append that is sent again changes nothing. So is one whose id is that of a forgotten message, in any case.
--
-- KEYS  messages, state, marks of the messages (lib_marks.lua), archive, versions of the summary and number of documents that
--       an expired session may have left (without TTL, any keys), and the registries that list the session (none if they are in another cluster slot)
-- ARGV  session id, now in microseconds, token of this append (16 characters), user or '', TTL in ms or 0,
--       token counts of the messages separated by commas or '', prefix of the documents' keys, marks of
--       the messages (zeros for a message without an id) or '' if none has an id, what the ids say if they have the form
--       that sessions give (32 characters each: an epoch and a number; spaces for other ids) or '', which messages to leave
--       out ('nothing': none; '': those with a known id; 'N' or 'N+': the messages are the newest of a conversation, or all
--       of it without '+', of which up to N may be new), and the messages
-- Returns {0, user} if the session belongs to another user; {2, 1 if the id of the newest message is known} if the ids and
--         contents of a conversation do not say what is new; {3, positions from 1} if messages have the ids of others, or
--         ids that the session will give later; {4} if the session has a later layout; else {1, length of the list, tokens
--         of the list or nil, messages appended, tokens of the messages appended or nil, 1 if the summary does not cover all
--         messages that left the list, and 1 if documents_renew is to be called}.
local messages, state, marked, archive, versions, stale = unpack(KEYS, 1, 6)
local id, now, token, user, ttl, tokens, prefix, given, origins, leave = unpack(ARGV, 1, 10)
local HEAD, TOKENS, REGISTRIES = 10, 8, 6 -- TOKENS: how many of the latest appends are recognised by their tokens
local last_at, sizes, life, old_size, indexed, ends, count = #ARGV - HEAD, {}, 0, false, 0, 0, 0
local renewing, renewed, more = 0, 0, false
local known = redis.call('HMGET', state, 'epoch', 'user', 'last', 'size', 'first', 'until', 'indexed', 'ids', 'marks', 'format',
  'renewing', 'renewed', 'covered')
local first = whole(known[5] or '0', 'first')
local gap = known[13] and whole(known[13], 'covered') < first and 1 or 0
whole(now, 'the time')
if ttl ~= '0' then
  life, indexed, ends = whole(ttl, 'ttl'), whole(known[7] or '0', 'indexed'), whole(known[6] or '0', 'until')
  renewing, renewed = whole(known[11] or '0', 'renewing'), whole(known[12] or '0', 'renewed')
end
if tokens ~= '' then
  for each in tokens:gmatch('[^,]+') do
    sizes[#sizes + 1] = whole(each, 'a token count')
  end
end
if known[4] then
  old_size = whole(known[4], 'size')
end
if given ~= '' and known[9] then
  count = whole(known[9], 'marks')
end
if tokens ~= '' and #sizes ~= last_at or given ~= '' and #given ~= MARK * last_at then
  error('not every message has its token count and its mark. Nothing was written')
end
if user ~= '' and known[2] and known[2] ~= user then
  return {0, known[2]}
end
if is_later(known[10]) then
  return {4}
end
local recent = known[3] or ''
if recent:find(token, 1, true) then
  return {1, redis.call('LLEN', messages), old_size, 0, false, gap} -- sent again, as the reply was lost
end

-- Which messages are new, by their position. Marks are added in memory only, until nothing can be refused any more.
local fresh, load, visit, save_marks = {}, nil, nil, nil
if given ~= '' then
  load, visit, save_marks = open_marks(marked, known[1] and count or 0)
  if known[8] then
    add_earlier(known[8], visit)
  end
  load(given, 1, #given)
end
local total = origins ~= '' and known[1] and first + redis.call('LLEN', messages)
-- Whether the session gave the id of a message.
local function is_own(at)
  return total and origins:sub(32 * at - 31, 32 * at - 16) == known[1]
end
-- Whether the session has a message (true), has another one under its id (false), or neither (nil); FORGOTTEN if it has
-- forgotten it.
local function has(at, adds)
  local place = MARK * (at - 1) + 1
  if is_own(at) then
    local there = whole(origins:sub(32 * at - 15, 32 * at), 'the number of an id') < total
    return there and visit(given, place, false) == FORGOTTEN and FORGOTTEN or there
  end
  if given ~= '' and given:sub(place, place + 5) ~= '\0\0\0\0\0\0' then
    return visit(given, place, adds)
  end
end

local start, newest = 1, tonumber(leave:match('^%d+'))
if newest and (known[1] or leave:sub(-1) == '+') then
  -- A conversation. It is clear what is new if all that are known come in one piece, which forgotten ids may precede,
  -- if the newest N alone follow, and if none has the id of another message.
  local found, oldest, clear = {}, nil, true
  for at = last_at, 1, -1 do
    found[at] = has(at, false)
    if found[at] then
      oldest = at
      start = math.max(start, at + 1)
    end
    clear = clear and found[at] ~= false
  end
  clear = clear and not found[last_at] and start > last_at - newest
    and (oldest or (last_at <= newest and leave:sub(-1) ~= '+'))
  for at = oldest or 1, start - 1 do
    clear = clear and found[at]
  end
  if not clear then
    return {2, found[last_at] ~= nil and 1 or 0}
  end
end
local wrong, skips = {}, leave ~= 'nothing'
for at = start, last_at do
  local there = has(at, true)
  if there == false and (skips or is_own(at)) then
    wrong[#wrong + 1] = at
  elseif there == nil or not (skips or there == FORGOTTEN) then
    fresh[#fresh + 1] = at
  end
end
if #wrong > 0 and newest then
  return {2, 0} -- messages of the conversation share an id
end
if #wrong > 0 then
  return {3, wrong}
end
if #fresh == 0 then
  return {1, redis.call('LLEN', messages), old_size, 0, false, gap}
end

-- First, so that a key of another type in the place of a registry is noticed before anything is stored.
for at = REGISTRIES + 1, #KEYS do
  enlist(KEYS[at], now, id, ttl)
end
if not known[1] then
  redis.call('UNLINK', marked) -- of a session whose state was evicted
end
-- Lua's stack holds about 8,000 values.
local records, length = {}, 0
for at = 1, #fresh do
  records[at] = ARGV[HEAD + fresh[at]]
end
for from = 1, #records, 4000 do
  length = redis.call('RPUSH', messages, unpack(records, from, math.min(from + 3999, #records)))
end
local latest = recent:sub(-17 * (TOKENS - 1)) .. ' ' .. token
-- Time of the messages from this sequence number on; deleted when they leave the list.
local since = string.format('t:%d', first + length - #records)
if save_marks then
  redis.call('HSET', state, 'updated', now, 'last', latest, since, now, 'marks', save_marks())
else
  redis.call('HSET', state, 'updated', now, 'last', latest, since, now)
end
if not known[1] then
  redis.call('HSET', state, 'epoch', new_epoch(token:sub(-8)), 'created', now, 'format', FORMAT)
end
if save_marks and known[8] then
  redis.call('HDEL', state, 'ids')
end
if user ~= '' and not known[2] then
  redis.call('HSET', state, 'user', user)
end
local size, sum = false, false
if tokens ~= '' then
  sum = 0
  for _, at in ipairs(fresh) do
    sum = sum + sizes[at]
  end
  size = redis.call('HINCRBY', state, 'size', string.format('%d', sum))
end
if ttl ~= '0' then
  redis.call('PEXPIRE', messages, ttl)
  redis.call('PEXPIRE', state, ttl)
  redis.call('PEXPIRE', marked, ttl)
  redis.call('PEXPIRE', archive, ttl)
  redis.call('PEXPIRE', versions, ttl)
  if known[7] then
    more = select(2, outlive(state, stale, prefix, indexed, life, ends, renewing, renewed))
  end
elseif known[1] and (length == #records or (save_marks and count == 0)) then -- a new key of a session that expires
  local left = redis.call('PTTL', state)
  if left > 0 then
    redis.call('PEXPIRE', messages, left)
    if save_marks then
      redis.call('PEXPIRE', marked, left)
    end
  end
end
return {1, length, size, #records, sum, gap, more and 1 or 0}
