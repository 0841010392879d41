-- A function for the scripts that remember which messages a session has. It is put before them.
--
-- A mark of 9 bytes stands for a message: 6 bytes of a digest of its id, and 3 of a digest of its content, which are zeros if
-- the content is unknown, and 255s if the message was forgotten. A session's marks are in a hash of buckets: its fields are '0', '1', ... and their values are marks,
-- one after the other. There is a bucket for every 40 marks. Their number grows by splitting one bucket at a time (linear
-- hashing), so a mark is found and added in the same time in a session of any length.
local MARK, FILL = 9, 40
-- Stands for the content in the mark of a forgotten message, and is what `visit` returns then.
local FORGOTTEN = '\255\255\255'

-- Open the marks of a session, of which there are `count`. Returns four functions. Nothing is written before `save`.
--   load(text, from, upto)  reads the buckets of the marks in a text, from one position to another, in one command
--   visit(text, at, adds)   looks for the mark at a position of a text, by its id: returns true if it is there, and false if
--                           it is there with another content, FORGOTTEN if that message was forgotten, else nil, having
--                           added it if `adds`
--   save()                  writes the marks that were added; returns how many there are now
--   put(text, at)           puts the mark at a position of a text in the place of the mark of the same id, or adds it
local function open_marks(key, count)
  local byte, find, sub, ANY = string.byte, string.find, string.sub, '\0\0\0'
  local buckets, level = math.max(1, math.ceil(count / FILL)), 1
  while 2 * level <= buckets do
    level = 2 * level
  end
  local loaded, changed = {}, {}

  local function place_of(text, at)
    local low, middle, high = byte(text, at, at + 2)
    local hash = low + 256 * middle + 65536 * high
    local place = hash % (2 * level)
    return place < buckets and place or hash % level
  end

  local function bucket_at(place)
    local bucket = loaded[place]
    if not bucket then
      bucket = count > 0 and redis.call('HGET', key, place) or ''
      loaded[place] = bucket
    end
    return bucket
  end

  local function split()
    local place, stays, goes = buckets - level, {}, {}
    local old = bucket_at(place)
    buckets = buckets + 1
    for at = 1, #old, MARK do
      local part = place_of(old, at) == place and stays or goes
      part[#part + 1] = sub(old, at, at + MARK - 1)
    end
    loaded[place], changed[place] = table.concat(stays), true
    loaded[buckets - 1], changed[buckets - 1] = table.concat(goes), true
    if buckets == 2 * level then
      level = buckets
    end
  end

  local function load(text, from, upto)
    if count == 0 then
      return
    end
    local places, known = {}, {}
    for at = from, upto, MARK do
      local place = place_of(text, at)
      if not known[place] and not loaded[place] then
        known[place] = true
        places[#places + 1] = place
      end
    end
    for start = 1, #places, 4000 do
      local found = redis.call('HMGET', key, unpack(places, start, math.min(start + 3999, #places)))
      for at = 1, #found do
        loaded[places[start + at - 1]] = found[at] or ''
      end
    end
  end

  local function found_in(bucket, id)
    local there = find(bucket, id, 1, true)
    while there and there % MARK ~= 1 do
      there = find(bucket, id, there + 1, true)
    end
    return there
  end

  local function visit(text, at, adds)
    local place = place_of(text, at)
    local bucket = loaded[place] or bucket_at(place)
    local there = found_in(bucket, sub(text, at, at + 5))
    if there then
      local one, two = sub(bucket, there + 6, there + 8), sub(text, at + 6, at + 8)
      if one == FORGOTTEN then
        return FORGOTTEN
      end
      return one == two or one == ANY or two == ANY
    end
    if adds then
      loaded[place], changed[place] = bucket .. sub(text, at, at + MARK - 1), true
      count = count + 1
      if count > buckets * FILL then
        split()
      end
    end
  end

  local function save()
    local fields = {}
    for place in pairs(changed) do
      fields[#fields + 1], fields[#fields + 2] = place, loaded[place]
    end
    for from = 1, #fields, 4000 do
      redis.call('HSET', key, unpack(fields, from, math.min(from + 3999, #fields)))
    end
    return count
  end

  local function put(text, at)
    local place = place_of(text, at)
    local bucket = bucket_at(place)
    local there = found_in(bucket, sub(text, at, at + 5))
    if not there then
      visit(text, at, true)
    else
      loaded[place] = sub(bucket, 1, there + 5) .. sub(text, at + 6, at + 8) .. sub(bucket, there + MARK)
      changed[place] = true
    end
  end

  return load, visit, save, put
end

-- Add the marks of a session that was written in an earlier layout: there, a mark had 11 characters of base64, of which the
-- first 8 are what is the digest of an id now. The contents are unknown.
local function add_earlier(earlier, visit)
  local alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  for from = 1, #earlier - 10, 11 do
    local mark = ''
    for at = from, from + 4, 4 do
      local bits = 0
      for each = at, at + 3 do
        bits = bits * 64 + (string.find(alphabet, string.sub(earlier, each, each), 1, true) or 1) - 1
      end
      mark = mark .. string.char(math.floor(bits / 65536), math.floor(bits / 256) % 256, bits % 256)
    end
    visit(mark .. '\0\0\0', 1, true)
  end
end
