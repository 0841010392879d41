-- Search the documents of a cluster's node, and read the fields to return.
--
-- A server looks up all keys of a command in the slot of its first key, the name of the index. So a search finds documents
-- and none of their fields. In a script without keys, each command has its own slot. The documents are on this node.
--
-- KEYS  none: the documents are only known after the search
-- ARGV  number of fields to read, their names, 'score' if the search returns scores, or the name of the field for the sort
--       keys that it returns, or '', then the search, which returns no fields
-- Returns what the search returns with these fields. A document that was moved to another node meanwhile has none.
local count = tonumber(ARGV[1])
local fields, scored = {unpack(ARGV, 2, 1 + count)}, ARGV[2 + count]
local found = redis.call(unpack(ARGV, 3 + count))
local rows, step = {found[1]}, scored == '' and 1 or 2
for at = 2, #found, step do
  local values, row = count > 0 and redis.pcall('HMGET', found[at], unpack(fields)) or {}, {}
  rows[#rows + 1] = found[at]
  if scored == 'score' then
    rows[#rows + 1] = found[at + 1]
  elseif scored ~= '' then
    row = {scored, string.sub(found[at + 1], 2)}
  end
  for place, name in ipairs(fields) do
    if values[place] then
      row[#row + 1], row[#row + 2] = name, values[place]
    end
  end
  rows[#rows + 1] = not values.err and row
end
return rows
