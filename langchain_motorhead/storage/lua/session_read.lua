-- Read a session at one instant, so that no message is seen both in the summary and in the list, or in neither.
--
-- KEYS  messages, state
-- ARGV  first and last position of the messages to return, as LRANGE takes them
-- Returns the session as `snapshot_of` (lib_snapshot.lua) does.
return snapshot_of(KEYS[1], KEYS[2], ARGV[1], ARGV[2])
