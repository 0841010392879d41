-- Note in the state of a session how far it was learned, so that reads of the session can show it. What counts is in the
-- state of the user's facts.
--
-- KEYS  state of the session
-- ARGV  epoch of the session, sequence number of the first message that was not learned yet, tokens that the learner used
-- Returns 1 if it was noted, 0 if there is another session.
whole(ARGV[2], 'learned')
whole(ARGV[3], 'tokens')
whole(redis.call('HGET', KEYS[1], 'tokens:facts') or '0', 'a stored number')
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 'learned', ARGV[2])
redis.call('HINCRBY', KEYS[1], 'tokens:facts', ARGV[3])
return 1
