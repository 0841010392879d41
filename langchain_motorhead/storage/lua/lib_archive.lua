-- Functions for the scripts that read or write a session's archive: a sorted set of chunks, each with the sequence number
-- of its first message as score. `sessions/archive.py` says what is in a chunk. They are put before these scripts.

-- Fields of a hash that are read or deleted by one command.
local FIELDS = 1000

-- Return when the messages from sequence number `from` to before `upto` were appended: {sequence number, time, ...}. Each
-- time holds from its sequence number on. `first` is the sequence number of the first message of the list.
local function times_of(state, first, from, upto)
  local times, names = {}, {}
  local back = from
  while back >= first do -- the append that stored message `from` may have begun with an earlier one
    names = {}
    local low = math.max(first, back - FIELDS + 1)
    for seq = back, low, -1 do
      names[#names + 1] = 't:' .. seq
    end
    local found = redis.call('HMGET', state, unpack(names))
    for at = 1, #names do
      if found[at] then
        times[1], times[2] = from, found[at]
        back = -1
        break
      end
    end
    back = math.min(back, low - 1)
  end
  for start = from + 1, upto - 1, FIELDS do
    names = {}
    for seq = start, math.min(start + FIELDS, upto) - 1 do
      names[#names + 1] = 't:' .. seq
    end
    local found = redis.call('HMGET', state, unpack(names))
    for at = 1, #names do
      if found[at] then
        times[#times + 1], times[#times + 2] = start + at - 1, found[at]
      end
    end
  end
  return times
end

-- Remove the times of the messages from sequence number `first` to before `upto`, which leave the list. `total` is the
-- sequence number after the last message of the list.
local function forget_times(state, first, upto, total)
  if upto < total and redis.call('HEXISTS', state, 't:' .. upto) == 0 then
    local times = times_of(state, first, upto, upto)
    if times[2] then
      redis.call('HSET', state, 't:' .. upto, times[2])
    end
  end
  for start = first, upto - 1, FIELDS do
    local names = {}
    for seq = start, math.min(start + FIELDS, upto) - 1 do
      names[#names + 1] = 't:' .. seq
    end
    redis.call('HDEL', state, unpack(names))
  end
end

-- Remove the oldest chunks while the archive is larger than `most` bytes, or the newest message of a chunk is older than
-- `age` microseconds. Either may be ''. The newest chunk stays if only the size is exceeded.
local function prune_archive(archive, state, most, age)
  local time = redis.call('TIME')
  local since = age ~= '' and time[1] * 1000000 + time[2] - age
  while most ~= '' or since do
    local chunk = redis.call('ZRANGE', archive, 0, 0)[1]
    local known = redis.call('HMGET', state, 'archive_bytes', 'chunks')
    local first, last, newest = (chunk or ''):match('^(%d+) (%d+) %d+ (%d+) ')
    local old = since and newest and tonumber(newest) > 0 and tonumber(newest) < since
    local large = most ~= '' and tonumber(known[1]) > tonumber(most) and tonumber(known[2]) > 1
    if not first or not (old or large) then
      return
    end
    redis.call('ZREMRANGEBYRANK', archive, 0, 0)
    redis.call('HINCRBY', state, 'archived', tonumber(first) - tonumber(last) - 1)
    redis.call('HINCRBY', state, 'chunks', -1)
    redis.call('HINCRBY', state, 'archive_bytes', -#chunk)
    redis.call('HSET', state, 'archive_from', string.format('%d', tonumber(last) + 1))
  end
end

-- Put the messages that leave the list into the archive: `count` of them from sequence number `first` on.
--
-- `args`, from position `at` on, has the largest size of the archive in bytes or '', the largest age of messages in
-- microseconds or '', the score of the chunk that the new ones replace or '', and for each new chunk its score and
-- the chunk itself.
local function archive_messages(archive, state, first, count, args, at)
  if redis.call('HEXISTS', state, 'archived') == 0 then
    redis.call('UNLINK', archive) -- of a session of this id whose state was evicted
    redis.call('HSET', state, 'archive_from', first)
  end
  local most, age, replaced = args[at], args[at + 1], args[at + 2]
  local chunks, bytes = 0, 0
  if replaced ~= '' then
    for _, chunk in ipairs(redis.call('ZRANGEBYSCORE', archive, replaced, replaced)) do
      chunks, bytes = chunks - 1, bytes - #chunk
    end
    redis.call('ZREMRANGEBYSCORE', archive, replaced, replaced)
  end
  for next = at + 3, #args, 2 do
    redis.call('ZADD', archive, args[next], args[next + 1])
    chunks, bytes = chunks + 1, bytes + #args[next + 1]
  end
  redis.call('HINCRBY', state, 'archived', count)
  redis.call('HINCRBY', state, 'chunks', chunks)
  redis.call('HINCRBY', state, 'archive_bytes', bytes)
  prune_archive(archive, state, most, age)
  local life = redis.call('PTTL', state)
  if life >= 0 then
    redis.call('PEXPIRE', archive, life)
  end
end
