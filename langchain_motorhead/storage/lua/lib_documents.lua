-- Functions for the scripts that touch the recall documents of a session. They are put before them.

-- Documents of how many messages are deleted by one script. More would block the server for long.
local AT_ONCE = 2000

-- List the keys of the documents of the messages from sequence number `from` to before `upto`, also of split messages.
local function document_keys(prefix, from, upto)
  local found = {}
  if not (upto <= 10000000) then
    return found -- looking for so many would block the server
  end
  for seq = from, upto - 1 do
    local key = prefix .. seq
    found[#found + 1] = key
    for piece = 1, tonumber(redis.call('HGET', key, 'pieces') or 1) - 1 do
      found[#found + 1] = key .. '/' .. piece
    end
  end
  return found
end

-- How many messages' documents a call of `outlive` touches: this takes about four milliseconds. If they never expired before,
-- they are changed, so that the index takes them again.
local SLICE, CHANGED_SLICE = 300, 10

-- Let documents live a quarter longer than their session, so that not every append has to extend their time to live. Those of
-- a long session are extended by several calls.
--
-- `old` is the time until which all documents live; `renewing` is the time to which they are being extended, or 0, and
-- `renewed` is how many have it. Returns the time to give to new documents, and whether further calls are needed.
local function outlive(state, stale, prefix, count, life, old, renewing, renewed)
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  if renewing == 0 then
    if now + life <= old then
      return old, false
    end
    renewing, renewed = now + life + math.floor(life / 4), 0
  end
  local slice = old == 0 and CHANGED_SLICE or SLICE
  local upto, ends = math.min(count, renewed + slice), string.format('%d', renewing)
  for _, key in ipairs(document_keys(prefix, renewed, upto)) do
    if redis.call('PEXPIREAT', key, ends) == 1 and old == 0 then
      redis.call('HSET', key, 'ttl', '1') -- shows searches that the document may outlive its session
    end
  end
  redis.call('SET', stale, math.max(count, tonumber(redis.call('GET', stale) or 0)), 'PXAT', ends)
  if upto < count then
    redis.call('HSET', state, 'renewing', ends, 'renewed', upto)
    return renewing, true
  end
  redis.call('HSET', state, 'until', ends)
  redis.call('HDEL', state, 'renewing', 'renewed')
  return renewing, false
end

-- Delete keys without blocking the server, and return how many there were.
local function unlink_all(keys)
  local count = 0
  for from = 1, #keys, 4000 do
    count = count + redis.call('UNLINK', unpack(keys, from, math.min(from + 3999, #keys)))
  end
  return count
end

-- Return of which messages documents are to be made from the archive: those that the state notes, or all that are in it if
-- nothing of the session was ever indexed, as after an import.
local function to_remake(state)
  local known = redis.call('HMGET', state, 'remake', 'indexed', 'archived', 'archive_from', 'first')
  if known[1] or known[2] or not known[3] then
    return known[1] or ''
  end
  local from, first = whole(known[4] or '0', 'archive_from'), whole(known[5] or '0', 'first')
  return from < first and string.format('%d-%d', from, first - 1) or ''
end

-- Return a function that stores a document of message `seq`: `name` is the rest of its key, `when` the time of the message in
-- microseconds, and `count` fields and values begin at `args[from]`. All documents of a script have the epoch, the user unless it
-- is '', and, if the session expires, the time `ends` in ms at which they expire.
local function document_writer(prefix, epoch, user, ends)
  local shared = {'epoch', epoch}
  if user ~= '' then
    shared[3], shared[4] = 'user', user
  end
  if ends then
    shared[#shared + 1], shared[#shared + 2] = 'ttl', '1' -- tells searches that the document may outlive its session
  end
  local width = #shared
  return function(args, name, seq, when, from, count)
    local key = prefix .. name
    if not name:find('/', 1, true) then -- with the pieces of a document that a deleted session left
      unlink_all(document_keys(prefix, seq, seq + 1))
    end
    shared[width + 1], shared[width + 2] = 'created', string.sub(when, 1, -7) .. '.' .. string.sub(when, -6)
    for next = 1, count do
      shared[width + 2 + next] = args[from + next - 1]
    end
    -- One HSET, since the index updates the document with every command.
    redis.call('HSET', key, unpack(shared, 1, width + 2 + count))
    if ends then
      redis.call('PEXPIREAT', key, string.format('%d', ends))
    end
  end
end
