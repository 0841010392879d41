-- Drop from a registry the sessions that were found gone, unless they were written to since.
--
-- KEYS  registry
-- ARGV  session id, its score, session id, its score, …
for at = 1, #ARGV, 2 do
  local score = redis.call('ZSCORE', KEYS[1], ARGV[at])
  if score and tonumber(score) == tonumber(ARGV[at + 1]) then
    redis.call('ZREM', KEYS[1], ARGV[at])
  end
end
return 1
