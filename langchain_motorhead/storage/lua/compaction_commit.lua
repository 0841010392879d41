-- Store a summary and move the messages that it covers from the list to the archive, or do nothing if the session changed.
--
-- The worker has read the session before; `epoch`, `first` and `revision` have to be what it read. Messages appended
-- since then are kept.
--
-- KEYS  messages, state, lease, versions of the summary (lib_summaries.lua), archive (if messages are archived)
-- ARGV  token of the worker, duration of the lease in ms, epoch and first as read, number of messages to remove, tokens
--       used by the summarizer, change of `size` or '', 1 to remove indexed messages only, the revision as read,
--       the summary or '', who wrote it, what it keeps or '', the same and more about it as JSON, how many values for the
--       archive follow, these (see `archive_messages` in lib_archive.lua), and pairs: what rejected answers are counted as,
--       and how many there were
-- Returns 1 if the summary was stored, else 0.
local messages, state, lease, versions, archive = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local token, duration, epoch, first, count, spent, size, indexed, revision, summary, author, kept, about = unpack(ARGV, 1, 13)
local ARCHIVED = 15
local REJECTED = ARCHIVED + whole(ARGV[14], 'values')
local known = redis.call('HMGET', state, 'epoch', 'first', 'indexed', 'revision', 'tokens', 'size', 'format')
local stop = whole(first, 'first') + whole(count, 'count')
whole(duration, 'duration')
whole(spent, 'tokens')
whole(size == '' and '0' or size, 'size')
for _, at in ipairs({2, 5, 6}) do
  whole(known[at] or '0', 'a stored number')
end
if REJECTED < ARCHIVED or REJECTED > #ARGV + 1 then
  error('values are missing. Nothing was written')
end
if archive then
  check_archive(state, first, count, ARGV, ARCHIVED, REJECTED - 1)
end
check_rejected(state, ARGV, REJECTED)
if known[1] ~= epoch or (known[2] or '0') ~= first or redis.call('LLEN', messages) < stop - tonumber(first) then
  return 0
end
if (known[4] or '0') ~= revision or is_later(known[7]) then
  return 0 -- a client replaced the summary meanwhile
end
local covered = covered_of(state, whole(first, 'first'))
if covered ~= tonumber(first) then
  return 0 -- messages before these are to be summarized first
end
if indexed == '1' and whole(known[3] or '0', 'indexed') < stop then
  return 0
end
local was = records_of(versions, state)
-- A write that changes nothing: Redis refuses it if it has no room, before anything else is written.
redis.call('HSET', state, 'epoch', known[1])
if archive then -- first, so that a key of another type in its place is noticed before anything is stored
  archive_messages(archive, state, first, count, ARGV, ARCHIVED, REJECTED - 1)
elseif redis.call('HEXISTS', state, 'archived') == 1 then
  redis.call('HSET', state, 'archive_from', string.format('%d', tonumber(first) + tonumber(count)))
end
add_version(versions, state, was, tonumber(first), summary, stop, author, kept, about)
redis.call('HINCRBY', state, 'first', count)
count_rejected(state, ARGV, REJECTED)
redis.call('HINCRBY', state, 'tokens', spent)
redis.call('HDEL', state, 'failures')
if size ~= '' then
  redis.call('HINCRBY', state, 'size', size)
end
forget_times(state, tonumber(first), tonumber(first) + tonumber(count), tonumber(first) + redis.call('LLEN', messages))
redis.call('LTRIM', messages, count, -1)
extend_lease(lease, token, duration)
return 1
