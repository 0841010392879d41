-- Store a summary that covers more messages of the archive, or do nothing if the session changed.
--
-- After a version of the summary was removed, the summary covers fewer messages than have left the list. The worker has read the
-- session before; `epoch`, `revision` and the number of messages that the summary covers have to be what it read.
--
-- KEYS  state, compaction lease, versions of the summary (lib_summaries.lua)
-- ARGV  token of the worker, duration of the lease in ms, epoch and revision as read, how many messages the summary covers,
--       how many the new one does, tokens used by the summarizer, the summary or '', who wrote it, what it keeps or '', the
--       same and more about it as JSON, and pairs: what rejected answers are counted as, and how many there were
-- Returns 1 if the summary was stored, else 0.
local state, lease, versions = KEYS[1], KEYS[2], KEYS[3]
local token, duration, epoch, revision, from, upto, spent, summary, author, kept, about = unpack(ARGV, 1, 11)
local REJECTED = 12
local known = redis.call('HMGET', state, 'epoch', 'first', 'revision', 'tokens', 'format')
local first, start, stop = whole(known[2] or '0', 'first'), whole(from, 'start'), whole(upto, 'stop')
whole(duration, 'duration')
whole(spent, 'tokens')
whole(known[4] or '0', 'a stored number')
check_rejected(state, ARGV, REJECTED)
if known[1] ~= epoch or (known[3] or '0') ~= revision or is_later(known[5]) then
  return 0
end
if covered_of(state, first) ~= start or stop <= start or stop > first then
  return 0
end
local was = records_of(versions, state)
-- A write that changes nothing: Redis refuses it if it has no room, before anything else is written.
redis.call('HSET', state, 'epoch', known[1])
add_version(versions, state, was, first, summary, stop, author, kept, about)
if stop < first then
  redis.call('HSET', state, 'covered', upto)
end
count_rejected(state, ARGV, REJECTED)
redis.call('HINCRBY', state, 'tokens', spent)
redis.call('HDEL', state, 'failures')
extend_lease(lease, token, duration)
return 1
