-- Give documents of a session another vector and other words, unless the session is gone.
--
-- KEYS  state
-- ARGV  epoch, what the keys of documents begin with, field of the vector, and for each: rest of its key, words, and
--       vector or ''
-- Returns how many there were.
local count = 0
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then
  return count
end
for at = 4, #ARGV, 3 do
  local key = ARGV[2] .. ARGV[at]
  if redis.call('EXISTS', key) == 1 then
    if ARGV[at + 2] == '' then -- the model does not take it: it is found by its words
      redis.call('HSET', key, 'terms', ARGV[at + 1])
    else
      redis.call('HSET', key, 'terms', ARGV[at + 1], ARGV[3], ARGV[at + 2])
    end
    count = count + 1
  end
end
return count
