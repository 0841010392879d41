-- Remove sessions that no longer exist from a registry, unless they were written to since they were listed.
--
-- KEYS  registry
-- ARGV  session id, its score as listed, session id, its score, ...
-- Returns 1.
for at = 1, #ARGV, 2 do
  local score = redis.call('ZSCORE', KEYS[1], ARGV[at])
  if score and tonumber(score) == tonumber(ARGV[at + 1]) then
    redis.call('ZREM', KEYS[1], ARGV[at])
  end
end
return 1
