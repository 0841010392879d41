-- Functions for the scripts that remember which messages a session has. They are put before them, after
-- lib_buckets.lua.

-- Stands for the content in the mark of a forgotten message, and is what `visit_mark` returns then.
local FORGOTTEN = '\255\255\255'

-- Open the marks of a session, of which there are `count`. Nothing is written before `save_marks`.
local function open_marks(key, count)
  local buckets, level = buckets_for(count)
  return {key = key, count = count, buckets = buckets, level = level, loaded = {}, changed = {}}
end

local function bucket_at(marks, place)
  local bucket = marks.loaded[place]
  if not bucket then
    bucket = marks.count > 0 and redis.call('HGET', marks.key, place) or ''
    marks.loaded[place] = bucket
  end
  return bucket
end

-- Read the buckets of all marks of a text in one command.
local function load_marks(marks, text)
  if marks.count == 0 then
    return
  end
  local loaded, places = marks.loaded, {}
  for at = 1, #text, MARK do
    local place = place_of(text, at, marks.buckets, marks.level)
    if loaded[place] == nil then
      loaded[place] = false
      places[#places + 1] = place
    end
  end
  for start = 1, #places, 4000 do
    local found = redis.call('HMGET', marks.key, unpack(places, start, math.min(start + 3999, #places)))
    for at = 1, #found do
      loaded[places[start + at - 1]] = found[at] or ''
    end
  end
end

-- Return where a bucket has the mark of an id, or nil.
local function found_in(bucket, id)
  local there = string.find(bucket, id, 1, true)
  while there and there % MARK ~= 1 do
    there = string.find(bucket, id, there + 1, true)
  end
  return there
end

-- Look for the mark at a position of a text, by its id. Returns true if it is there, and false if it is there with another
-- content, FORGOTTEN if that message was forgotten, else nil, having added it if `adds`.
local function visit_mark(marks, text, at, adds)
  local place = place_of(text, at, marks.buckets, marks.level)
  local bucket = marks.loaded[place] or bucket_at(marks, place)
  local there = found_in(bucket, string.sub(text, at, at + 5))
  if there then
    local one, two = string.sub(bucket, there + 6, there + 8), string.sub(text, at + 6, at + 8)
    if one == FORGOTTEN then
      return FORGOTTEN
    end
    return one == two or one == '\0\0\0' or two == '\0\0\0'
  end
  if adds then
    marks.loaded[place], marks.changed[place] = bucket .. string.sub(text, at, at + MARK - 1), true
    marks.count = marks.count + 1
    if marks.count > marks.buckets * FILL then -- a bucket is split
      local old, buckets, stays, goes = marks.buckets - marks.level, marks.buckets, {}, {}
      local each = bucket_at(marks, old)
      marks.buckets = buckets + 1
      for from = 1, #each, MARK do
        local part = place_of(each, from, marks.buckets, marks.level) == old and stays or goes
        part[#part + 1] = string.sub(each, from, from + MARK - 1)
      end
      marks.loaded[old], marks.changed[old] = table.concat(stays), true
      marks.loaded[buckets], marks.changed[buckets] = table.concat(goes), true
      if marks.buckets == 2 * marks.level then
        marks.level = marks.buckets
      end
    end
  end
end

-- Write the marks that were added. Returns how many there are now.
local function save_marks(marks)
  local fields = {}
  for place in pairs(marks.changed) do
    fields[#fields + 1], fields[#fields + 2] = place, marks.loaded[place]
  end
  for from = 1, #fields, 4000 do
    redis.call('HSET', marks.key, unpack(fields, from, math.min(from + 3999, #fields)))
  end
  return marks.count
end
