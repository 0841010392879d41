-- Go on extending the life of a session's documents, which an append has begun (`outlive`).
--
-- KEYS  state, number of documents that an expired session may have left
-- ARGV  prefix of the documents' keys
-- Returns 1 if more is to be done, else 0.
local known = redis.call('HMGET', KEYS[1], 'indexed', 'until', 'renewing', 'renewed')
for at = 1, 4 do
  known[at] = whole(known[at] or '0', 'a stored number')
end
local life = redis.call('PTTL', KEYS[1])
if known[3] == 0 or life < 0 then
  return 0
end
local _, more = outlive(KEYS[1], KEYS[2], ARGV[1], known[1], life, known[2], known[3], known[4])
return more and 1 or 0
