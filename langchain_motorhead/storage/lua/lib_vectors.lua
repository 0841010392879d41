-- A function for the scripts that store vectors. It is put before them.

-- Record that the documents before `embedded` have vectors, except those of the messages in `vectorless`.
--
-- `vectorless` is `seq:failures` of each message, with spaces between them; of one whose text the model refuses for good,
-- `seq:refused`. If they are others than `before`, they are tried again `pause` ms from now.
local function note_vectors(state, embedded, indexed, before, vectorless, pause)
  if embedded < indexed then
    redis.call('HSET', state, 'embedded', embedded)
  else
    redis.call('HDEL', state, 'embedded') -- all that is indexed
  end
  if vectorless == before then
    return
  end
  if vectorless == '' then
    redis.call('HDEL', state, 'vectorless', 'retry')
    return
  end
  local time = redis.call('TIME')
  local due = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(pause)
  redis.call('HSET', state, 'vectorless', vectorless, 'retry', string.format('%d', due))
end
