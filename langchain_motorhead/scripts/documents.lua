-- Functions for the scripts that touch documents: it goes before them.

-- List the keys of the documents of messages, those of pieces among them.
local function document_keys(prefix, from, upto)
  local found = {}
  for seq = from, upto - 1 do
    local key = prefix .. seq
    found[#found + 1] = key
    for piece = 1, tonumber(redis.call('HGET', key, 'pieces') or 1) - 1 do
      found[#found + 1] = key .. '/' .. piece
    end
  end
  return found
end

local function unlink_all(keys)
  local count = 0
  for from = 1, #keys, 4000 do
    count = count + redis.call('UNLINK', unpack(keys, from, math.min(from + 3999, #keys)))
  end
  return count
end
