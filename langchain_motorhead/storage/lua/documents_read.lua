-- Read the text of some documents of a session, to embed it again.
--
-- KEYS  state
-- ARGV  prefix of the documents' keys, first and end of the sequence numbers, field of the wanted vector, its size in bytes,
--       generation of the index from which on this session is indexed or '', and vector fields to delete
-- Returns {epoch, first sequence number not indexed, revision of the session, {rest of the key, name, role, text, 1 if it has that vector, ...}}.
local state, prefix, from, upto, field, size, generation = KEYS[1], unpack(ARGV, 1, 6)
from, upto, size = whole(from, 'start'), whole(upto, 'stop'), whole(size, 'size')
whole(generation == '' and '0' or generation, 'generation')
local known = redis.call('HMGET', state, 'epoch', 'indexed', 'revision')
if not known[1] then
  return {false, 0, '0', {}}
end
if generation ~= '' then
  redis.call('HSET', state, 'generation', generation)
end
local found = {}
local stop = math.min(upto, tonumber(known[2] or 0))
for _, key in ipairs(document_keys(prefix, from, stop)) do
  local said = redis.call('HMGET', key, 'name', 'role', 'text')
  if said[3] then
    local at = #found
    found[at + 1], found[at + 2], found[at + 3] = string.sub(key, #prefix + 1), said[1] or '', said[2]
    found[at + 4], found[at + 5] = said[3], redis.call('HSTRLEN', key, field) == size and 1 or 0
    if #ARGV > 6 then
      redis.call('HDEL', key, unpack(ARGV, 7))
    end
  end
end
return {known[1], tonumber(known[2] or 0), known[3] or '0', found}
