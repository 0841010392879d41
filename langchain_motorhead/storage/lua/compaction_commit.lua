-- Store a summary and move the messages that it covers from the list to the archive, or do nothing if the session changed.
--
-- The worker has read the session before; `epoch`, `first` and the summary have to be what it read. Messages appended
-- since then are kept.
--
-- KEYS  messages, state, lease, archive (if messages are archived)
-- ARGV  token of the worker, duration of the lease in ms, epoch and first as read, number of messages to remove, tokens
--       used by the summarizer, change of `size` or '', 1 to remove indexed messages only, the summary as read or '',
--       1 if the next value is a new summary, the new summary or '', and if messages are archived what `archive_messages`
--       (lib_archive.lua) takes
-- Returns 1 if the summary was stored, else 0.
local messages, state, lease = KEYS[1], KEYS[2], KEYS[3]
local token, duration, epoch, first, count, spent, size, indexed, before, given, summary = unpack(ARGV, 1, 11)
local HEAD = 11
local known = redis.call('HMGET', state, 'epoch', 'first', 'indexed', 'summary')
if known[1] ~= epoch or (known[2] or '0') ~= first or redis.call('LLEN', messages) < tonumber(count) then
  return 0
end
if (known[4] or '') ~= before then
  return 0 -- a client replaced the summary meanwhile
end
if indexed == '1' and tonumber(known[3] or 0) < tonumber(first) + tonumber(count) then
  return 0
end
if KEYS[4] then -- first, so that a key of another type in its place is noticed before anything is stored
  archive_messages(KEYS[4], state, first, count, ARGV, HEAD + 1)
elseif redis.call('HEXISTS', state, 'archived') == 1 then
  redis.call('HSET', state, 'archive_from', string.format('%d', tonumber(first) + tonumber(count)))
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
forget_times(state, tonumber(first), tonumber(first) + tonumber(count), tonumber(first) + redis.call('LLEN', messages))
redis.call('LTRIM', messages, count, -1)
local holder = redis.call('GET', lease)
if holder == token or holder == token .. '!' then
  redis.call('PEXPIRE', lease, duration)
end
return 1
