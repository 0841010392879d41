-- Put a text in the place of a session's summary, or do nothing if the session changed since it was read.
--
-- KEYS  state, versions of the summary (lib_summaries.lua)
-- ARGV  epoch, revision, first message of the list and number of covered messages as read, the text or '', who wrote it, what it keeps or '', the same and more as JSON
-- Returns 1 if it was stored; 0 if the session changed; -1 if it has a later layout.
local state, versions = KEYS[1], KEYS[2]
local epoch, revision, begins, covers, summary, author, kept, about = unpack(ARGV, 1, 8)
local known = redis.call('HMGET', state, 'epoch', 'revision', 'first', 'format')
local first = whole(known[3] or '0', 'first')
whole(known[2] or '0', 'revision')
local covered = covered_of(state, first)
local is_read = first == whole(begins, 'first') and covered == whole(covers, 'covered')
if is_later(known[4]) then
  return -1
end
if known[1] ~= epoch or (known[2] or '0') ~= revision or not is_read then
  return 0 -- also if a compaction covered more messages, of which the text knows nothing
end
local was = records_of(versions, state)
redis.call('HINCRBY', state, 'revision', 1) -- first: a full Redis refuses it
add_version(versions, state, was, first, summary, first, author, kept, about, true)
return 1
