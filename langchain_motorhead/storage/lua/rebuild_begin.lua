-- Take the lease for rebuilding a session's summary, and read how far the rebuild is.
--
-- The new summary is a list beside the stored one: a line `EPOCH REVISION KIND`, and the records of its versions
-- (lib_summaries.lua). It is removed if the session has changed since, or if the summarizer or prompt is another one.
--
-- KEYS  state, lease of this work, the new summary
-- ARGV  token of this worker, duration of the lease in ms, kind: how the summary is made (no spaces)
-- Returns {0} if another worker holds the lease; {1} if there is no such session; {4} if the session has a later layout;
--         else {2, epoch, user, first sequence number of the list, revision, sequence number from which on every message is
--         kept, records}.
local state, lease, rebuild = KEYS[1], KEYS[2], KEYS[3]
local token, duration, kind = unpack(ARGV, 1, 3)
whole(duration, 'duration')
local known = redis.call('HMGET', state, 'epoch', 'user', 'first', 'revision', 'archive_from', 'format')
if not known[1] then
  return {1}
end
if is_later(known[6]) then
  return {4}
end
local first = whole(known[3] or '0', 'first')
local kept_from = known[5] and whole(known[5], 'archive_from') or first
local holder = holder_of(lease)
if not may_take(holder, token) then
  return {0}
end
redis.call('SET', lease, token, 'PX', duration)
local records = rebuilt_records(rebuild, known[1], known[4] or '0', kind)
if #records == 0 then
  redis.call('UNLINK', rebuild)
end
return {2, known[1], known[2], first, known[4] or '0', kept_from, records}
