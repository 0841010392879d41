-- Replace the vectors and terms of documents, unless the session was deleted.
--
-- KEYS  state
-- ARGV  epoch, prefix of the documents' keys, field of the vector, and for each document: rest of its key, terms, and
--       vector or ''
-- Returns how many of the documents exist.
local count = 0
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then
  return count
end
for at = 4, #ARGV, 3 do
  local key = ARGV[2] .. ARGV[at]
  if redis.call('EXISTS', key) == 1 then
    if ARGV[at + 2] == '' then -- the model refused the text: only full-text search finds it
      redis.call('HSET', key, 'terms', ARGV[at + 1])
    else
      redis.call('HSET', key, 'terms', ARGV[at + 1], ARGV[3], ARGV[at + 2])
    end
    count = count + 1
  end
end
return count
