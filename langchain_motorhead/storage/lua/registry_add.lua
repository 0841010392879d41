-- List a session in a registry that is in another cluster slot than the session.
--
-- KEYS  registry
-- ARGV  session id, time of its last activity in microseconds, its TTL in ms or 0, 1 to keep the time if it is listed
-- Returns 1.
enlist(KEYS[1], ARGV[2], ARGV[1], ARGV[3], ARGV[4] == '1')
return 1
