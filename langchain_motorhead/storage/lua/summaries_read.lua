-- Read the versions of a session's summary, at one instant.
--
-- KEYS  state, versions of the summary (lib_summaries.lua)
-- ARGV  none
-- Returns {} if there is no such session; else {epoch, user, sequence number of the first message of the list, how many
--         messages the summary covers, records}. The last version is the stored summary.
local state = KEYS[1]
local known = redis.call('HMGET', state, 'epoch', 'user', 'first')
if not known[1] then
  return {}
end
local first = whole(known[3] or '0', 'first')
local covered = covered_of(state, first)
return {known[1], known[2], first, covered, with_stored(records_of(KEYS[2], state), state, first)}
