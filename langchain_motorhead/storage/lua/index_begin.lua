-- Take the lease of a session for indexing it, and read what is not indexed, with what was said before it.
--
-- KEYS  messages, state, lease
-- ARGV  token of this run, lease in ms, how many messages to read, how far to look back, how many of those before to
--       give from their documents, what the keys of documents begin with
-- Returns {0} if somebody else is at work, who is told to look again when done; {1} if there is nothing to do; else
--         {2, epoch, user, first not indexed, all there are, position of the first one given, messages given,
--         {name, role, text, …} of documents before those, the latest first}.
local messages, state, lease = KEYS[1], KEYS[2], KEYS[3]
local token, duration, limit, reach, context, prefix = unpack(ARGV, 1, 6)
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
  if said[3] and #earlier < 3 * tonumber(context) then
    earlier[#earlier + 1] = said[1] or ''
    earlier[#earlier + 1] = said[2]
    earlier[#earlier + 1] = said[3]
  end
end
return {2, known[1], known[2], indexed, total, start,
  redis.call('LRANGE', messages, start - first, indexed - first + limit - 1), earlier}
