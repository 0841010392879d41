-- Append messages to a session, creating it if needed. All or nothing. A message whose id is known is left out, at any
-- distance, so an append that is sent again changes nothing. So is one whose id is that of a forgotten message, in any case.
--
-- KEYS  messages, state, marks of the messages (lib_marks.lua; any key if none has an id), with a TTL also archive, versions of
--       the summary and number of documents that an expired session may have left, and the registries that list the session
--       (none if they are in another cluster slot)
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
--         messages that left the list, and 1 if documents_renew is to be called}. If all messages were appended and there is
--         nothing else to tell, the length of the list alone.
--
-- Every append runs this, so it makes no function, and sends no command, that only some appends need.
local messages, state, marked = KEYS[1], KEYS[2], KEYS[3]
local id, now, token, user, ttl, tokens, prefix, given, origins, leave = unpack(ARGV, 1, 10)
local HEAD, TOKENS = 10, 8 -- TOKENS: how many of the latest appends are recognised by their tokens
local last_at, size, sum, old_size, more = #ARGV - HEAD, false, false, false, false
local known = redis.call('HMGET', state, 'epoch', 'user', 'last', 'first', 'covered', 'format', 'size', 'ids', 'marks')
local first = known[4] and whole(known[4], 'first') or 0
local gap = known[5] and whole(known[5], 'covered') < first and 1 or 0
whole(now, 'the time')
if known[7] then
  old_size = whole(known[7], 'size')
end
local documents, life, count, sizes
if ttl ~= '0' then
  documents, life = redis.call('HMGET', state, 'indexed', 'until', 'renewing', 'renewed'), whole(ttl, 'ttl')
  for at = 1, 4 do
    documents[at] = documents[at] and whole(documents[at], 'a number of documents, or a time')
  end
end
if tokens ~= '' then
  sizes = {}
  for each in tokens:gmatch('[^,]+') do
    sizes[#sizes + 1] = whole(each, 'a token count')
  end
end
if given ~= '' then
  count = whole(known[9] or '0', 'marks')
end
if sizes and #sizes ~= last_at or count and #given ~= 9 * last_at then
  error('not every message has its token count and its mark. Nothing was written')
end
if user ~= '' and known[2] and known[2] ~= user then
  return {0, known[2]}
end
if is_later(known[6]) then
  return {4}
end
local recent = known[3] or ''
if recent:find(token, 1, true) then
  return {1, redis.call('LLEN', messages), old_size, 0, false, gap} -- sent again, as the reply was lost
end

-- The new messages, by their positions; nil for all. Marks are added in memory only, until nothing can be refused any more.
local fresh, marks, save, buckets, marks_now
local newest = leave ~= '' and leave ~= 'nothing' and tonumber(leave:match('^%d+'))
if count or newest then
  -- include lib_buckets
  if not newest and known[1] and not known[8] and origins == '' and count > 0 and last_at <= -count % FILL then
    -- include lib_new_marks
    buckets, marks_now = add_new_marks(marked, count, given)
  end
  if not buckets then
    -- include lib_marks
    fresh = {}
    if given ~= '' then
      marks, save = open_marks(marked, known[1] and count or 0), save_marks
      if known[8] then
        -- include lib_earlier_marks
        add_earlier(marks, known[8])
      end
      load_marks(marks, given)
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
        return there and visit_mark(marks, given, place, false) == FORGOTTEN and FORGOTTEN or there
      end
      if given ~= '' and given:sub(place, place + 5) ~= NO_ID then
        return visit_mark(marks, given, place, adds)
      end
    end

    local start = 1
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
  end
end
local added = fresh and #fresh or last_at
if added == 0 then
  return {1, redis.call('LLEN', messages), old_size, 0, false, gap}
end

-- First, so that a key of another type in the place of a registry is noticed before anything is stored.
for at = ttl == '0' and 4 or 7, #KEYS do
  enlist(KEYS[at], now, id, ttl, false, known[1])
end
if not known[1] then
  redis.call('UNLINK', marked) -- of a session whose state was evicted
end
local length = 0
if added == last_at and last_at < 4000 then -- Lua's stack holds about 8,000 values
  length = redis.call('RPUSH', messages, unpack(ARGV, HEAD + 1))
else
  local records = {}
  for at = 1, added do
    records[at] = ARGV[HEAD + (fresh and fresh[at] or at)]
  end
  for from = 1, added, 4000 do
    length = redis.call('RPUSH', messages, unpack(records, from, math.min(from + 3999, added)))
  end
end
local latest = recent:sub(-17 * (TOKENS - 1)) .. ' ' .. token
-- Time of the messages from this sequence number on; deleted when they leave the list.
local since = string.format('t:%d', first + length - added)
if buckets then
  redis.call('HSET', marked, unpack(buckets))
elseif marks then
  marks_now = save(marks)
end
if marks_now then
  redis.call('HSET', state, 'updated', now, 'last', latest, since, now, 'marks', marks_now)
else
  redis.call('HSET', state, 'updated', now, 'last', latest, since, now)
end
if not known[1] then
  -- include lib_epochs
  redis.call('HSET', state, 'epoch', new_epoch(token:sub(-8)), 'created', now, 'format', FORMAT)
end
if marks and known[8] then
  redis.call('HDEL', state, 'ids')
end
if user ~= '' and not known[2] then
  redis.call('HSET', state, 'user', user)
end
if sizes then
  sum = 0
  for at = 1, added do
    sum = sum + sizes[fresh and fresh[at] or at]
  end
  size = redis.call('HINCRBY', state, 'size', string.format('%d', sum))
end
if ttl ~= '0' then
  redis.call('PEXPIRE', messages, ttl)
  redis.call('PEXPIRE', state, ttl)
  redis.call('PEXPIRE', marked, ttl)
  redis.call('PEXPIRE', KEYS[4], ttl)
  redis.call('PEXPIRE', KEYS[5], ttl)
  local indexed = documents[1]
  if indexed then
    -- include lib_documents
    more = select(2, outlive(state, KEYS[6], prefix, indexed, life, documents[2] or 0, documents[3] or 0, documents[4] or 0))
  end
elseif known[1] and (length == added or (marks and count == 0)) then -- a new key of a session that expires
  local left = redis.call('PTTL', state)
  if left > 0 then
    redis.call('PEXPIRE', messages, left)
    if marks then
      redis.call('PEXPIRE', marked, left)
    end
  end
end
if added == last_at and not sizes and gap == 0 and not more then
  return length
end
return {1, length, size, added, sum, gap, more and 1 or 0}
