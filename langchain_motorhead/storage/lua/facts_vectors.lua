-- Store vectors of the facts about a user. That of a fact which does not exist any more is left out, so that nothing of a
-- fact outlives it.
--
-- KEYS  current facts, past facts, state of the facts, vectors
-- ARGV  tokens that the embedding model was given; then for each fact its id and its vector
-- Returns how many vectors were stored.
local current, past, state, vectors = unpack(KEYS)
whole(ARGV[1], 'tokens')
whole(redis.call('HGET', state, 'tokens:embeddings') or '0', 'a stored number')
if #ARGV % 2 == 0 then
  error('a vector is missing. Nothing was written')
end
if redis.call('EXISTS', state) == 0 then
  return 0
end
redis.call('HINCRBY', state, 'tokens:embeddings', ARGV[1])
local stored = 0
for at = 2, #ARGV, 2 do
  if redis.call('HEXISTS', current, ARGV[at]) == 1 or redis.call('HEXISTS', past, ARGV[at]) == 1 then
    redis.call('HSET', vectors, ARGV[at], ARGV[at + 1])
    stored = stored + 1
  end
end
local life = redis.call('PTTL', state)
if life > 0 and stored > 0 then
  redis.call('PEXPIRE', vectors, string.format('%d', life))
end
return stored
