-- Functions for the scripts that touch documents: it goes before them.

-- List the keys of the documents of messages, those of pieces among them.
local function document_keys(prefix, from, upto)
  local found = {}
  if not (upto <= 10000000) then
    return found -- no session has so many: the count is damaged, and to look for them would hold up the server
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

-- Let the documents of a session live a little longer than it, so that not all need a new time with every append.
local function outlive(state, stale, prefix, count, life, old)
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  if now + life <= old then
    return old
  end
  local ends = now + life + math.floor(life / 4)
  for _, key in ipairs(document_keys(prefix, 0, count)) do
    if redis.call('PEXPIREAT', key, string.format('%d', ends)) == 1 and old == 0 then
      redis.call('HSET', key, 'ttl', '1') -- for searches
    end
  end
  redis.call('HSET', state, 'until', string.format('%d', ends))
  redis.call('SET', stale, math.max(count, tonumber(redis.call('GET', stale) or 0)), 'PXAT', string.format('%d', ends))
  return ends
end

local function unlink_all(keys)
  local count = 0
  for from = 1, #keys, 4000 do
    count = count + redis.call('UNLINK', unpack(keys, from, math.min(from + 3999, #keys)))
  end
  return count
end
