-- Store a version of a summary that is being rebuilt, or do nothing if the session changed.
--
-- KEYS  state, lease of this work, the new summary (rebuild_begin.lua)
-- ARGV  token of the worker, duration of the lease in ms, epoch and revision as read, kind, how many messages the new summary
--       covers so far, how many with this version, tokens used by the summarizer, its text, who wrote it and more as JSON,
--       and pairs: what rejected answers are counted as, and how many there were
-- Returns 1 if it was stored, else 0.
local state, lease, rebuild = KEYS[1], KEYS[2], KEYS[3]
local token, duration, epoch, revision, kind, from, upto, spent, summary, about = unpack(ARGV, 1, 10)
local REJECTED, KEPT_MS = 11, 86400000
local known = redis.call('HMGET', state, 'epoch', 'revision', 'tokens', 'first', 'format')
local start, stop = whole(from, 'start'), whole(upto, 'stop')
whole(duration, 'duration')
whole(spent, 'tokens')
whole(known[3] or '0', 'a stored number')
check_rejected(state, ARGV, REJECTED)
if known[1] ~= epoch or (known[2] or '0') ~= revision or is_later(known[5]) then
  return 0
end
local records = rebuilt_records(rebuild, epoch, revision, kind)
local _, ends = parts_of(records[#records])
if (ends or 0) ~= start or stop <= start or stop > whole(known[4] or '0', 'first') then
  return 0
end
-- A write that changes nothing: Redis refuses it if it has no room, before anything else is written.
redis.call('HSET', state, 'epoch', known[1])
records = bounded(with_version(records, summary, stop, about))
redis.call('UNLINK', rebuild)
redis.call('RPUSH', rebuild, epoch .. ' ' .. revision .. ' ' .. kind, unpack(records))
local life = redis.call('PTTL', state)
redis.call('PEXPIRE', rebuild, life >= 0 and math.min(life, KEPT_MS) or KEPT_MS)
count_rejected(state, ARGV, REJECTED)
redis.call('HINCRBY', state, 'tokens', spent)
extend_lease(lease, token, duration)
return 1
