-- Take the lease of a session for a compaction, and read what it needs.
--
-- KEYS  messages, state, lease
-- ARGV  token of this compaction, lease in ms, how many of the oldest messages to read, 1 to ignore a failure's pause
-- Returns {0} if somebody else is at work, who is told to look again when done; {1} if there is no such session;
--         {3} in a pause; else {2} and what read.lua has.
local messages, state, lease = KEYS[1], KEYS[2], KEYS[3]
local token, duration, limit, force = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local holder = holder_of(lease)
if holder == 'pause' and force ~= '1' then
  return {3}
end
if holder and holder ~= 'pause' and holder ~= token and holder ~= token .. '!' then
  if string.sub(holder, -1) ~= '!' then
    redis.call('APPEND', lease, '!')
  end
  return {0}
end
local known = redis.call('HMGET', state, 'epoch', 'first', 'summary', 'tokens', 'failures', 'user', 'size', 'indexed')
if not known[1] then
  return {1}
end
redis.call('SET', lease, token, 'PX', duration)
local reply = {2, unpack(known, 1, 8)}
reply[10] = redis.call('LLEN', messages)
reply[11] = redis.call('LRANGE', messages, 0, limit - 1)
return reply
