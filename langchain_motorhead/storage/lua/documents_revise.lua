-- Replace the vectors and terms of documents, unless the session was deleted or changed since they were read.
--
-- KEYS  state
-- ARGV  epoch and revision as read, prefix of the documents' keys, field of the vector, and for each document: rest of its key,
--       terms, and vector or ''
-- Returns how many of the documents exist; -1, and nothing was done, if the revision is another one.
local count = 0
local known = redis.call('HMGET', KEYS[1], 'epoch', 'revision')
if known[1] ~= ARGV[1] then
  return count
end
if (known[2] or '0') ~= ARGV[2] then
  return -1 -- the vectors may be made with a text that is forgotten since
end
for at = 5, #ARGV, 3 do
  local key = ARGV[3] .. ARGV[at]
  if redis.call('EXISTS', key) == 1 then
    if ARGV[at + 2] == '' then -- the model refused the text: only full-text search finds it
      redis.call('HSET', key, 'terms', ARGV[at + 1])
    else
      redis.call('HSET', key, 'terms', ARGV[at + 1], ARGV[4], ARGV[at + 2])
    end
    count = count + 1
  end
end
return count
