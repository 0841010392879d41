-- Remove expired items from the lists of items.
--
-- KEYS  prefix of every key of the store
-- ARGV  how many items to remove at most
-- Returns 1 if there may be more, else 0.
local store, most = KEYS[1], whole(ARGV[1], 'limit')
local expiries = store .. ':expiries'
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local due = redis.call('ZRANGEBYSCORE', expiries, '-inf', string.format('%d', now), 'LIMIT', 0, ARGV[1])
for _, path in ipairs(due) do
  local item = store .. ':item:' .. path
  if redis.call('EXISTS', item) == 1 then -- in its last millisecond
    redis.call('ZADD', expiries, string.format('%d', now + 1), path)
  else
    local namespace, name = string.match(path, '^(.*!)([^!]*)$')
    namespace, name = namespace or '', name or path
    redis.call('ZREM', expiries, path)
    redis.call('ZREM', store .. ':keys:' .. namespace, name)
    if redis.call('EXISTS', store .. ':keys:' .. namespace) == 0 then
      redis.call('ZREM', store .. ':namespaces', namespace)
    end
  end
end
return #due == most and 1 or 0
