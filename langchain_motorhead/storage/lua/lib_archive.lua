-- Functions for the scripts that read or write a session's archive: a list of chunks, oldest first. `sessions/archive/chunks.py`
-- says what is in a chunk. They are put before these scripts, after lib_numbers.lua.

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

-- Return the position of the last chunk that begins at or before sequence number `seq`, or 0. A chunk whose header is
-- damaged is passed over.
local function position_of(archive, seq)
  local low, high, best = 0, redis.call('LLEN', archive) - 1, 0
  local function begins(at)
    return tonumber(redis.call('LINDEX', archive, at):match('^(%d+) %d+ '))
  end
  while low <= high do
    local middle = math.floor((low + high) / 2)
    local at, first = middle, begins(middle)
    while not first and at > low do
      at = at - 1
      first = begins(at)
    end
    if not first then -- no chunk from `low` to the middle has a header
      at = middle
      while not first and at < high do
        at = at + 1
        first = begins(at)
      end
      if not first or first > seq then
        return best
      end
    end
    if first <= seq then
      best, low = at, at + 1
    else
      high = at - 1
    end
  end
  return best
end

-- Return the first and the last sequence number in the header of a chunk, and the time of its newest message; nothing if the
-- header is damaged.
local function header_of(chunk)
  local first, last, newest = chunk:match('^(%d+) (%d+) %d+ (%d+) ')
  if first and #first < 16 and #last < 16 and #newest < 17 then
    return tonumber(first), tonumber(last), tonumber(newest)
  end
end

-- Remove the oldest chunks while the archive is larger than `most` bytes, or the newest message of a chunk is older than
-- `age` microseconds. Either may be ''. The newest chunk stays if only the size is exceeded. A call removes 200 chunks at
-- most, so that it takes some milliseconds; the next one goes on.
local function prune_archive(archive, state, most, age)
  local time = redis.call('TIME')
  local since = age ~= '' and time[1] * 1000000 + time[2] - age
  for _ = 1, (most ~= '' or since) and 200 or 0 do
    local chunk = redis.call('LINDEX', archive, 0)
    local known = redis.call('HMGET', state, 'archive_bytes', 'chunks')
    local first, last, newest = header_of(chunk or '')
    local old = since and newest and newest > 0 and newest < since
    local large = most ~= '' and tonumber(known[1]) > tonumber(most) and tonumber(known[2]) > 1
    if not first or not (old or large) then
      return
    end
    redis.call('LPOP', archive)
    redis.call('HINCRBY', state, 'archived', first - last - 1)
    redis.call('HINCRBY', state, 'chunks', -1)
    redis.call('HINCRBY', state, 'archive_bytes', -#chunk)
    redis.call('HSET', state, 'archive_from', string.format('%d', last + 1))
  end
end

-- Raise an error unless `archive_messages` can take its arguments: the limits and the stored counts have to be numbers, and the
-- chunks have to hold the messages from `first`, or from the replaced chunk on, to the last one that leaves the list.
local function check_archive(state, first, count, args, at, stop)
  for _, known in ipairs(redis.call('HMGET', state, 'archived', 'chunks', 'archive_bytes')) do
    whole(known or '0', 'a stored number')
  end
  for limit = at, at + 1 do
    whole(args[limit] == '' and '0' or args[limit], 'a limit of the archive')
  end
  local next = whole(args[at + 2] == '' and first or args[at + 2], 'the replaced chunk')
  for place = at + 3, stop do
    local begins, ends = header_of(args[place])
    if begins ~= next or ends < begins then
      error('the chunks of the archive do not follow each other. Nothing was written')
    end
    next = ends + 1
  end
  if next ~= whole(first, 'first') + whole(count, 'count') then
    error('the chunks of the archive do not have the messages that leave the list. Nothing was written')
  end
end

-- Put the messages that leave the list into the archive: `count` of them from sequence number `first` on. `check_archive` has
-- to be called before.
--
-- `args`, from position `at` to position `stop`, has the largest size of the archive in bytes or '', the largest age of messages in
-- microseconds or '', the first sequence number of the newest chunk if the new ones replace it or '', and the new chunks.
local function archive_messages(archive, state, first, count, args, at, stop)
  if redis.call('HEXISTS', state, 'archived') == 0 then
    redis.call('UNLINK', archive) -- of a session of this id whose state was evicted
    redis.call('HSET', state, 'archive_from', first)
  end
  local most, age, replaced = args[at], args[at + 1], args[at + 2]
  local chunks, bytes = 0, 0
  if replaced ~= '' and (redis.call('LINDEX', archive, -1) or ''):match('^(%d+) ') == replaced then
    chunks, bytes = chunks - 1, bytes - #redis.call('RPOP', archive)
  end
  for next = at + 3, stop do
    redis.call('RPUSH', archive, args[next])
    chunks, bytes = chunks + 1, bytes + #args[next]
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
