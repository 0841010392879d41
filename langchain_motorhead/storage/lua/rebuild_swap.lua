-- Replace the stored summary by a rebuilt one, if it covers as many messages, and release the lease.
--
-- Commits of others that began with the old summary do nothing from then on, since the revision is another one.
--
-- KEYS  state, lease of this work, the new summary (rebuild_begin.lua), versions of the summary (lib_summaries.lua)
-- ARGV  token of the worker, epoch and revision as read, kind, how many messages the new summary covers, who wrote it, what
--       it keeps or ''
-- Returns {1} if it was put there; {0} if the session changed; {2, first sequence number of the list} if more messages were
--         summarized meanwhile.
local state, lease, rebuild, versions = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local token, epoch, revision, kind, upto, author, kept = unpack(ARGV, 1, 7)
local known = redis.call('HMGET', state, 'epoch', 'revision', 'first', 'format')
local first, stop = whole(known[3] or '0', 'first'), whole(upto, 'stop')
whole(known[2] or '0', 'revision')
covered_of(state, first)
if known[1] ~= epoch or (known[2] or '0') ~= revision or is_later(known[4]) then
  return {0}
end
local rebuilt = rebuilt_records(rebuild, epoch, revision, kind)
local text, ends = version_at(rebuilt, #rebuilt)
if not text or ends ~= stop then
  return {0}
end
if stop < first then
  return {2, first}
end
local was = records_of(versions, state)
-- A write that changes nothing: Redis refuses it if it has no room, before anything else is written.
redis.call('HSET', state, 'epoch', known[1])
local records = with_stored(was, state, first)
for at = 1, #rebuilt do
  records[#records + 1] = rebuilt[at]
end
set_summary(state, text, author, kept)
store_records(versions, state, was, bounded(records))
redis.call('HDEL', state, 'covered')
redis.call('HINCRBY', state, 'revision', 1)
redis.call('UNLINK', rebuild)
if redis.call('GET', lease) == token then
  redis.call('DEL', lease)
end
return {1}
