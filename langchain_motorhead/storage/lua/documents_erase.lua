-- Delete documents of a session that was deleted or replaced. Those of the session that has its id now stay.
--
-- KEYS  state
-- ARGV  prefix of the documents' keys, first and end of the sequence numbers
-- Returns how many documents were deleted.
local from, upto = whole(ARGV[2], 'start'), whole(ARGV[3], 'stop')
local epoch, found = redis.call('HGET', KEYS[1], 'epoch'), {}
for seq = from, math.min(upto, from + AT_ONCE) - 1 do
  local key = ARGV[1] .. seq
  local there = redis.call('HMGET', key, 'epoch', 'pieces')
  if there[1] and there[1] ~= epoch then
    found[#found + 1] = key
    for piece = 1, (tonumber(there[2]) or 1) - 1 do
      found[#found + 1] = key .. '/' .. piece
    end
  end
end
return unlink_all(found)
