-- Read items, and extend their time to live.
--
-- KEYS  prefix of every key of the store
-- ARGV  for each item: its path (namespace and key), and 0 to read it, 1 to read it and extend its time to live, 2 to only
--       extend its time to live
-- Returns for each item {value, created, updated, ttl or nil}, or nil if it does not exist or was not to be read.
local store, found = KEYS[1], {}
local time = redis.call('TIME')
for at = 1, #ARGV, 2 do
  local path, mode = ARGV[at], ARGV[at + 1]
  local item = store .. ':item:' .. path
  local known = redis.call('HMGET', item, 'value', 'created', 'updated', 'ttl', 'vectors')
  found[#found + 1] = mode ~= '2' and known[1] and {known[1], known[2], known[3], known[4]} or false
  if mode ~= '0' and known[4] then
    local ends = string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000) + known[4])
    redis.call('PEXPIREAT', item, ends)
    for number = 0, tonumber(known[5] or 0) - 1 do
      redis.call('PEXPIREAT', store .. ':vector:' .. path .. ':' .. number, ends)
    end
    redis.call('ZADD', store .. ':expiries', ends, path)
  end
end
return found
