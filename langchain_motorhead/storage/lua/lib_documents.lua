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

-- Let documents live a quarter longer than their session, so that not every append has to extend their time to live.
local function outlive(state, stale, prefix, count, life, old)
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  if now + life <= old then
    return old
  end
  local ends = now + life + math.floor(life / 4)
  for _, key in ipairs(document_keys(prefix, 0, count)) do
    if redis.call('PEXPIREAT', key, string.format('%d', ends)) == 1 and old == 0 then
      redis.call('HSET', key, 'ttl', '1') -- tells searches that the document may outlive its session
    end
  end
  redis.call('HSET', state, 'until', string.format('%d', ends))
  redis.call('SET', stale, math.max(count, tonumber(redis.call('GET', stale) or 0)), 'PXAT', string.format('%d', ends))
  return ends
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
