-- Add vectors to documents that were stored without them, or do nothing if the session changed.
--
-- KEYS  messages, state, lease
-- ARGV  token of the worker, duration of the lease in ms, epoch, first and end of the sequence numbers whose documents
--       have vectors from now on, generation of the index, prefix of the documents' keys, messages that lack vectors as
--       read and from now on, ms until these are to be tried again, field of the vector, the revision as read, and for
--       each document: rest of its key, vector
-- Returns {0} if nothing was stored; {1} if all is done, and the lease is released; {2} if more may be to be done.
local messages, state, lease = KEYS[1], KEYS[2], KEYS[3]
local token, duration, epoch, from, upto, generation, prefix, before, vectorless, pause, field, revision = unpack(ARGV, 1, 12)
local known = redis.call('HMGET', state, 'epoch', 'first', 'indexed', 'generation', 'embedded', 'vectorless', 'revision')
for _, at in ipairs({2, 3, 4, 5}) do
  whole(known[at] or '0', 'a stored number')
end
whole(duration, 'duration')
whole(from, 'start')
whole(upto, 'stop')
whole(generation, 'generation')
whole(pause, 'pause')
local first = tonumber(known[2] or 0)
local indexed = math.max(tonumber(known[3] or 0), first)
local embedded = math.min(tonumber(known[5] or indexed), indexed)
if known[1] ~= epoch or embedded ~= tonumber(from) or tonumber(upto) > indexed or (known[6] or '') ~= before
  or tonumber(known[4] or 0) > tonumber(generation) or (known[7] or '0') ~= revision then
  return {0}
end
for at = 13, #ARGV, 2 do
  local key = prefix .. ARGV[at]
  if redis.call('EXISTS', key) == 1 then
    redis.call('HSET', key, field, ARGV[at + 1])
  end
end
redis.call('HSET', state, 'generation', generation)
note_vectors(state, tonumber(upto), indexed, before, vectorless, pause)

local holder = redis.call('GET', lease)
if tonumber(upto) == indexed and indexed == first + redis.call('LLEN', messages) and holder == token then
  redis.call('DEL', lease)
  return {1}
end
if holder == token or holder == token .. '!' then
  redis.call('PEXPIRE', lease, duration)
end
return {2}
