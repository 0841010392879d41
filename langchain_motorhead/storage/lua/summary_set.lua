-- Put a text in the place of a session's summary, or do nothing if the session changed since it was read.
--
-- KEYS  state, versions of the summary (lib_summaries.lua)
-- ARGV  epoch and revision as read, the text or '', who wrote it, what it keeps or '', the same and more as JSON
-- Returns 1 if it was stored; 0 if the session changed; -1 if it has a later layout.
local state, versions = KEYS[1], KEYS[2]
local epoch, revision, summary, author, kept, about = unpack(ARGV, 1, 6)
local known = redis.call('HMGET', state, 'epoch', 'revision', 'first', 'format')
local first = whole(known[3] or '0', 'first')
whole(known[2] or '0', 'revision')
covered_of(state, first)
if is_later(known[4]) then
  return -1
end
if known[1] ~= epoch or (known[2] or '0') ~= revision then
  return 0
end
local was = records_of(versions, state)
redis.call('HINCRBY', state, 'revision', 1) -- first: a full Redis refuses it
add_version(versions, state, was, first, summary, first, author, kept, about, true)
return 1
