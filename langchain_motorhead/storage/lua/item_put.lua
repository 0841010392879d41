-- Put items and delete others, each with its entries in the lists, its time to live and its vectors. Does nothing at all if
-- the vectors are of another model than the vectors in the store.
--
-- KEYS  prefix of every key of the store, which is also the key of the description of its index
-- ARGV  model and dimensions of the vectors, or '' and '' if there are none, and for each item: namespace, key, value or
--       '' to delete it, time to live in ms or 0, tags of its namespaces, number of vectors, vectors
-- Returns 1, or 0 if nothing was done.
local store, model, dimensions = KEYS[1], ARGV[1], ARGV[2]
if model ~= '' then
  local known = redis.call('HMGET', store, 'model', 'dimensions')
  if known[1] ~= model or known[2] ~= dimensions then
    return 0
  end
end
local namespaces, expiries = store .. ':namespaces', store .. ':expiries'
local time = redis.call('TIME')
local now = time[1] .. string.format('%06d', time[2])

local checked, stored = 3, nil
while checked <= #ARGV do
  local count = whole(ARGV[checked + 5], 'number of vectors')
  whole(ARGV[checked + 3], 'time to live')
  if count < 0 or checked + 5 + count > #ARGV then
    error('an item is not complete. Nothing was written')
  end
  stored = stored or ARGV[checked + 2] ~= '' and ARGV[checked]
  checked = checked + 6 + count
end
if stored then
  redis.call('ZADD', namespaces, 0, stored) -- at maxmemory, this is refused, before anything is deleted
end

local at = 3
while at <= #ARGV do
  local namespace, name, value, life, tags, count = unpack(ARGV, at, at + 5)
  local path, keys = namespace .. name, store .. ':keys:' .. namespace
  local item, vector = store .. ':item:' .. path, store .. ':vector:' .. path .. ':'
  local old = redis.call('HMGET', item, 'created', 'vectors')
  count = tonumber(count)
  for number = count, tonumber(old[2] or 0) - 1 do
    redis.call('DEL', vector .. number)
  end
  redis.call('DEL', item)
  if value == '' then
    redis.call('ZREM', keys, name)
    redis.call('ZREM', expiries, path)
    if redis.call('EXISTS', keys) == 0 then
      redis.call('ZREM', namespaces, namespace)
    end
  else
    redis.call('HSET', item, 'value', value, 'created', old[1] or now, 'updated', now)
    if not old[1] then -- an expired item may still be listed
      local last = redis.call('ZREVRANGE', keys, 0, 0, 'WITHSCORES')
      redis.call('ZADD', keys, string.format('%d', tonumber(last[2] or 0) + 1), name)
      redis.call('ZADD', namespaces, 0, namespace)
    end
    if count > 0 then
      redis.call('HSET', item, 'vectors', count)
    end
    for number = 0, count - 1 do
      redis.call('HSET', vector .. number, 'vector', ARGV[at + 6 + number], 'within', tags)
    end
    if life == '0' then
      for number = 0, math.min(count, tonumber(old[2] or 0)) - 1 do
        redis.call('PERSIST', vector .. number)
      end
      redis.call('ZREM', expiries, path)
    else
      local ends = string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000) + life)
      redis.call('HSET', item, 'ttl', life)
      redis.call('PEXPIREAT', item, ends)
      for number = 0, count - 1 do
        redis.call('PEXPIREAT', vector .. number, ends)
      end
      redis.call('ZADD', expiries, ends, path)
    end
  end
  at = at + 6 + count
end
return 1
