-- Remove the keys of the facts about a user if there is nothing in them but the version. A learner at work loses its lease, so
-- that it cannot commit what it found before.
--
-- KEYS  current facts, past facts, order of the current facts, state of the facts, lease, ended epochs,
--       vectors
-- ARGV  none
-- Returns how many keys were removed.
if redis.call('EXISTS', KEYS[1]) == 1 or redis.call('EXISTS', KEYS[2]) == 1 or redis.call('HLEN', KEYS[4]) > 1 then
  return 0
end
return redis.call('UNLINK', unpack(KEYS))
