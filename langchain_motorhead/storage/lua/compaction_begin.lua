-- Take the compaction lease of a session, and read the session. The lease names the one worker that compacts a session.
--
-- If another worker holds the lease, '!' is appended to its token: that worker then looks at the session again before it
-- releases the lease. After a failure, the lease holds 'pause' instead of a token until the next attempt is allowed.
--
-- KEYS  messages, state, lease, archive (if messages are archived)
-- ARGV  token of this worker, duration of the lease in ms, how many of the oldest messages to read, 1 to ignore a pause,
--       how many bytes of messages to read, about: at least one message is read
-- Returns {0} if another worker holds the lease; {1} if there is no such session; {3} during a pause; {4} if the session has
--         a later layout; else {2, newest chunk of the archive or '', times of the messages as `times_of` (lib_archive.lua)
--         returns them, epoch, ...}: the session as `snapshot_of` (lib_snapshot.lua) returns it.
local messages, state, lease = KEYS[1], KEYS[2], KEYS[3]
local token, force = ARGV[1], ARGV[4]
local limit, bytes = whole(ARGV[3], 'limit'), whole(ARGV[5], 'bytes')
local duration = ARGV[2]
whole(duration, 'duration')
if is_later(redis.call('HGET', state, 'format')) then
  return {4}
end
local holder = holder_of(lease)
if holder == 'pause' and force ~= '1' then
  return {3}
end
if holder ~= 'pause' and not may_take(holder, token) then
  if string.sub(holder, -1) ~= '!' then
    redis.call('APPEND', lease, '!')
  end
  return {0}
end
local snapshot = snapshot_of(messages, state, 1, 0)
if not snapshot[1] then
  return {1}
end
-- In parts, whose lengths follow from the sizes of the messages before.
local found, width = snapshot[11], 1
while #found < limit and bytes > 0 do
  local largest = 1
  local part = redis.call('LRANGE', messages, #found, #found + math.min(width, limit - #found) - 1)
  for at = 1, #part do
    found[#found + 1] = part[at]
    bytes, largest = bytes - #part[at], math.max(largest, #part[at])
  end
  if #part < width then
    break
  end
  width = math.max(1, math.min(64, math.floor(bytes / largest)))
end
local tail, times = '', {}
if KEYS[4] then
  if redis.call('HEXISTS', state, 'archived') == 1 then
    tail = redis.call('LINDEX', KEYS[4], -1) or ''
  end
  local first = whole(snapshot[2] or '0', 'first')
  times = times_of(state, first, first, first + #found)
end
redis.call('SET', lease, token, 'PX', duration)
return {2, tail, times, unpack(snapshot, 1, 15)}
