-- Return which of some messages a session knows, and which of them it has forgotten, by their ids.
--
-- KEYS  state, marks
-- ARGV  marks of the messages (lib_marks.lua), and what their ids say if they have the form that sessions give, or '' (see
--       session_append.lua)
-- Returns {epoch, a digit for each message: 0 if it is unknown, 1 if it is known, 2 if it was forgotten, 3 if its id is known
--         with another content}.
local given, origins = ARGV[1], ARGV[2]
local known = redis.call('HMGET', KEYS[1], 'epoch', 'marks', 'ids')
local marks = open_marks(KEYS[2], known[1] and whole(known[2] or '0', 'marks') or 0)
if known[3] then
  add_earlier(marks, known[3]) -- in memory only
end
load_marks(marks, given)
local found = {}
for at = 1, #given / MARK do
  local place = MARK * (at - 1) + 1
  local there = nil
  if given:sub(place, place + 5) ~= NO_ID then
    there = visit_mark(marks, given, place, false)
  end
  local is_own = known[1] and origins:sub(32 * at - 31, 32 * at - 16) == known[1]
  found[at] = there == FORGOTTEN and 2 or there == false and 3 or (there or is_own) and 1 or 0
end
return {known[1], table.concat(found)}
