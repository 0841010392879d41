-- Read a page of items, ordered by namespace, and in each namespace in the order in which they were first put.
--
-- KEYS  prefix of every key of the store
-- ARGV  lower and upper bound of the namespaces, namespace and number in it of the last item read before ('' and '' for the
--       first page), items to skip, items to read at most, items to look at most, bytes to read at most, 1 to read only
--       items without vectors
-- Returns {1 if there may be more, namespace, number of the last item, {{path, value, created, updated, ttl or nil}, ...}}.
local store, low, high, resumed, after, skip, wanted, looks, bytes, bare = KEYS[1], unpack(ARGV, 1, 9)
skip, wanted, looks, bytes = whole(skip, 'skip'), whole(wanted, 'limit'), whole(looks, 'looks'), whole(bytes, 'bytes')
local rows, width = {}, 100

-- Read the items of a namespace from a number on. Return the number of the last if a limit was reached, else nil.
local function read(namespace, from)
  local keys = store .. ':keys:' .. namespace
  local total = skip > 0 and redis.call('ZCOUNT', keys, from, '+inf') or 0
  if skip > 0 and total <= skip then
    skip = skip - total
    return nil
  end
  while true do
    local names = redis.call('ZRANGEBYSCORE', keys, from, '+inf', 'WITHSCORES', 'LIMIT', skip, width)
    skip = 0
    for at = 1, #names, 2 do
      local path = namespace .. names[at]
      local item = store .. ':item:' .. path
      if bare == '0' or redis.call('HEXISTS', item, 'vectors') == 0 then
        local found = redis.call('HMGET', item, 'value', 'created', 'updated', 'ttl')
        if found[1] then
          rows[#rows + 1] = {path, found[1], found[2], found[3], found[4]}
          bytes = bytes - #found[1]
        end
      end
      looks = looks - 1
      if #rows >= wanted or looks <= 0 or bytes <= 0 then
        return names[at + 1]
      end
    end
    if #names < 2 * width then
      return nil
    end
    from = '(' .. names[#names]
  end
end

while true do
  local namespaces = redis.call('ZRANGEBYLEX', store .. ':namespaces', low, high, 'LIMIT', 0, width)
  for _, namespace in ipairs(namespaces) do
    local number = read(namespace, namespace == resumed and after ~= '' and '(' .. after or '-inf')
    if number then
      return {1, namespace, number, rows}
    end
  end
  if #namespaces < width then
    return {0, '', '', rows}
  end
  low = '(' .. namespaces[#namespaces]
end
