-- Take the indexing lease of a session, and read the messages that are not indexed, with some that precede them.
--
-- If another worker holds the lease, '!' is appended to its token: that worker then looks for more before it releases
-- the lease.
--
-- KEYS  messages, state, lease
-- ARGV  token of this worker, duration of the lease in ms, how many messages to read, how many messages to look back, how
--       many preceding messages to read from their documents, prefix of the documents' keys
-- Returns {0} if another worker holds the lease; {1} if all is indexed; else
--         {2, epoch, user, first sequence number not indexed, next sequence number, sequence number of the first message
--         returned, messages, {name, role, text, ...} of the documents before those, newest first}.
local messages, state, lease = KEYS[1], KEYS[2], KEYS[3]
local token, duration, limit, reach, context, prefix = unpack(ARGV, 1, 6)
limit, reach, context = whole(limit, 'limit'), whole(reach, 'reach'), whole(context, 'context')
whole(duration, 'duration')
local holder = holder_of(lease)
if holder and holder ~= token and holder ~= token .. '!' then
  if string.sub(holder, -1) ~= '!' then
    redis.call('APPEND', lease, '!')
  end
  return {0}
end
local known = redis.call('HMGET', state, 'epoch', 'user', 'first', 'indexed')
local first = tonumber(known[3] or 0)
local indexed = math.max(tonumber(known[4] or 0), first)
local total = first + redis.call('LLEN', messages)
if not known[1] or indexed >= total then
  if holder then
    redis.call('DEL', lease)
  end
  return {1}
end
redis.call('SET', lease, token, 'PX', duration)
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
  redis.call('LRANGE', messages, start - first, indexed - first + limit - 1), earlier}
