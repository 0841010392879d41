-- Take the indexing lease of a session, and read the messages that are not indexed, with some that precede them.
--
-- If another worker holds the lease, '!' is appended to its token: that worker then looks for more before it releases
-- the lease.
--
-- KEYS  messages, state, lease
-- ARGV  token of this worker, duration of the lease in ms, how many messages to read, how many messages to look back, how
--       many preceding messages to read from their documents, prefix of the documents' keys, 1 to take no lease and look
--       for messages that are not indexed only, not for documents without a vector, or 2 to try again now what waits
-- Returns {0} if another worker holds the lease; {1} if nothing is to be done now; {3} likewise, but some vectors are
--         to be tried again later; else {2, epoch, user, first sequence number not indexed, next sequence number, sequence
--         number of the first message returned, messages, {name, role, text, ...} of the documents before those, newest
--         first, first sequence number from which on documents lack vectors, messages before it that lack them, 1 if
--         these are to be tried now, revision of the session, messages whose documents are to be made again}.
local messages, state, lease = KEYS[1], KEYS[2], KEYS[3]
local token, duration, limit, reach, context, prefix, words = unpack(ARGV, 1, 7)
limit, reach, context = whole(limit, 'limit'), whole(reach, 'reach'), whole(context, 'context')
whole(duration, 'duration')
local holder = words ~= '1' and holder_of(lease)
if not may_take(holder, token) then
  if string.sub(holder, -1) ~= '!' then
    redis.call('APPEND', lease, '!')
  end
  return {0}
end
local known = redis.call('HMGET', state, 'epoch', 'user', 'first', 'indexed', 'embedded', 'vectorless', 'retry', 'revision')
local first = tonumber(known[3] or 0)
local indexed = math.max(tonumber(known[4] or 0), first)
local total = first + redis.call('LLEN', messages)
local embedded = math.min(tonumber(known[5] or indexed), indexed)
local vectorless, waiting, due = known[6] or '', false, false
if words ~= '1' and known[1] and vectorless:find(':%d') then
  local time = redis.call('TIME')
  due = words == '2' or time[1] * 1000 + math.floor(time[2] / 1000) >= tonumber(known[7] or 0)
  waiting = not due
end
local remake = words ~= '1' and to_remake(state) or ''
if not known[1] or (indexed >= total and (words == '1' or (embedded >= indexed and not due and remake == ''))) then
  if holder then
    redis.call('DEL', lease)
  end
  return {waiting and 3 or 1}
end
if words ~= '1' then
  redis.call('SET', lease, token, 'PX', duration)
end
local start = math.max(first, indexed - reach)
local earlier = {}
for seq = first - 1, math.max(0, indexed - reach), -1 do
  local said = redis.call('HMGET', prefix .. seq, 'name', 'role', 'text')
  if said[3] and #earlier < 3 * context then
    earlier[#earlier + 1] = said[1] or ''
    earlier[#earlier + 1] = said[2]
    earlier[#earlier + 1] = said[3]
  end
end
return {2, known[1], known[2], indexed, total, start,
  redis.call('LRANGE', messages, start - first, indexed - first + limit - 1), earlier,
  embedded, vectorless, due and 1 or 0, known[8] or '0', remake}
