-- Give documents of a session another vector and other words, unless the session is gone.
--
-- KEYS  state
-- ARGV  epoch, what the keys of documents begin with, field of the vector, and for each: rest of its key, words, vector
-- Returns how many there were.
local count = 0
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then
  return count
end
for at = 4, #ARGV, 3 do
  local key = ARGV[2] .. ARGV[at]
  if redis.call('EXISTS', key) == 1 then
    redis.call('HSET', key, 'terms', ARGV[at + 1], ARGV[3], ARGV[at + 2])
    count = count + 1
  end
end
return count
