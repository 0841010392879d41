-- Write changes of the facts about a user, and how far a session was learned, or do nothing if the facts or the session
-- changed since they were read.
--
-- A full Redis refuses the first write of a script if it takes memory, and no later one. So a learner's write begins with one
-- that is refused. A write that removes facts, or ends a session, begins with a removal, if only of a field that
-- is not there: it makes room, and is not refused.
--
-- KEYS  current facts, past facts, order of the current facts, state of the facts, lease, key that shows whether a session
--       ended, vectors of the facts
-- ARGV  version of the facts as read; token of the worker, or '' for a write that learns nothing; duration of the lease in
--       ms; epoch of a session or ''; 1 if it has facts of its own; first and next sequence number that were learned; 1 if
--       the session is being deleted; ms until the keys expire ('0': never, '': as they are); how many values for changes
--       follow; for each change: id of the fact, score in the order ('past': not current, '': removed), the fact; then
--       pairs: what is counted, and by how much
-- Returns 1 if everything was written; 2 if the facts are not those that were read; 3 if the session was learned meanwhile;
--         4 if it was deleted; 5 if this worker does not hold the lease any more.
local current, past, order, state, lease, ended, vectors = unpack(KEYS)
local version, token, duration, epoch, own, start, stop, ends, life, width = unpack(ARGV, 1, 10)
local HEAD, KEPT = 10, 86400 -- KEPT: seconds that the end of a session is remembered, far longer than any learning takes
local counts = HEAD + whole(width, 'values') + 1
local known = redis.call('HMGET', state, 'version', 'learned:' .. epoch)
local at_version = whole(version, 'version')
whole(known[1] or '0', 'version')
whole(known[2] or '0', 'learned')
whole(start, 'start')
whole(stop, 'stop')
if life ~= '' then
  whole(life, 'ttl')
end
if counts > #ARGV + 1 or (counts - HEAD - 1) % 3 ~= 0 or (#ARGV - counts + 1) % 2 ~= 0 then
  error('values are missing. Nothing was written')
end
local removes = ends == '1'
for at = HEAD + 2, counts - 1, 3 do
  if ARGV[at] ~= 'past' and ARGV[at] ~= '' then
    whole(ARGV[at], 'a time')
  end
  removes = removes or ARGV[at] == ''
end
for at = counts, #ARGV, 2 do
  whole(ARGV[at + 1], 'a count')
  whole(redis.call('HGET', state, ARGV[at]) or '0', 'a stored number')
end
if token ~= '' then
  whole(duration, 'duration')
  if is_ended(ended, epoch, own) then
    return 4
  end
  if (known[2] or '0') ~= start then
    return 3
  end
  if redis.call('GET', lease) ~= token then
    return 5
  end
end
if (known[1] or '0') ~= version then
  return 2
end
if token == '' and removes then
  redis.call('HDEL', state, 'learned:' .. epoch)
end
redis.call('HSET', state, 'version', string.format('%d', at_version + 1))
if token ~= '' then
  redis.call('HSET', state, 'learned:' .. epoch, stop)
  redis.call('HDEL', state, 'failures')
  redis.call('PEXPIRE', lease, duration)
end
if ends == '1' then
  local now = tonumber(redis.call('TIME')[1])
  redis.call('ZREMRANGEBYSCORE', ended, '-inf', string.format('%d', now - KEPT))
  redis.call('ZADD', ended, string.format('%d', now), epoch)
  redis.call('PEXPIRE', ended, string.format('%d', KEPT * 1000))
end
for at = HEAD + 1, counts - 1, 3 do
  local id, score, fact = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  if score == 'past' then
    redis.call('HSET', past, id, fact)
  else
    redis.call('HDEL', past, id)
  end
  if score == 'past' or score == '' then
    redis.call('HDEL', current, id)
    redis.call('ZREM', order, id)
    if score == '' then
      redis.call('HDEL', vectors, id)
    end
  else
    redis.call('HSET', current, id, fact)
    redis.call('ZADD', order, score, id)
  end
end
for at = counts, #ARGV, 2 do
  redis.call('HINCRBY', state, ARGV[at], ARGV[at + 1])
end
if life ~= '' then
  for _, key in ipairs({current, past, order, state, vectors}) do
    if life == '0' then
      redis.call('PERSIST', key)
    else
      redis.call('PEXPIRE', key, life)
    end
  end
end
return 1
