-- Store a summary and drop the messages that it covers, or do nothing if the session moved on since it was read.
--
-- KEYS  messages, state, lease
-- ARGV  token, lease in ms, epoch and first as they were read, messages to drop, tokens spent, change of `size` or '',
--       1 to drop only what is indexed, the summary that was read or '', 1 if a new one follows, the new one
-- Returns 1 if it was done.
local messages, state, lease = KEYS[1], KEYS[2], KEYS[3]
local token, duration, epoch, first, count, spent, size, indexed, before, given, summary = unpack(ARGV, 1, 11)
local known = redis.call('HMGET', state, 'epoch', 'first', 'indexed', 'summary')
if known[1] ~= epoch or (known[2] or '0') ~= first or redis.call('LLEN', messages) < tonumber(count) then
  return 0
end
if (known[4] or '') ~= before then
  return 0 -- a client replaced it meanwhile
end
if indexed == '1' and tonumber(known[3] or 0) < tonumber(first) + tonumber(count) then
  return 0
end
redis.call('HINCRBY', state, 'first', count)
if given == '1' then
  redis.call('HSET', state, 'summary', summary)
end
redis.call('HINCRBY', state, 'tokens', spent)
redis.call('HDEL', state, 'failures')
if size ~= '' then
  redis.call('HINCRBY', state, 'size', size)
end
redis.call('LTRIM', messages, count, -1)
local holder = redis.call('GET', lease)
if holder == token or holder == token .. '!' then
  redis.call('PEXPIRE', lease, duration)
end
return 1
