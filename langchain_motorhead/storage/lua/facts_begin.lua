-- Take the learning lease of a user. It names the one worker that learns facts about this user. After a failure, it holds
-- 'pause' instead of a token until the next attempt is allowed.
--
-- KEYS  lease, key that shows whether a session ended (see `is_ended` in lib_facts.lua)
-- ARGV  token of the worker, duration of the lease in ms, epoch of the session, 1 if it has facts of its own, 1 to ignore a
--       pause
-- Returns 0 if another worker holds the lease; 1 if the session was deleted; 3 during a pause; else 2.
whole(ARGV[2], 'duration')
if is_ended(KEYS[2], ARGV[3], ARGV[4]) then
  return 1
end
local holder = holder_of(KEYS[1])
if holder == 'pause' and ARGV[5] ~= '1' then
  return 3
end
if holder ~= 'pause' and not may_take(holder, ARGV[1]) then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 2
