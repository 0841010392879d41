-- The layout of a session's marks, by which it recognises messages. It is put before lib_marks.lua.
--
-- A mark of 9 bytes stands for a message: 6 bytes of a digest of its id, and 3 of a digest of its content, which are zeros if
-- the content is unknown, and 255s if the message was forgotten. A session's marks are in a hash of buckets: its fields are
-- '0', '1', ... and their values are marks, one after the other. There is a bucket for every 40 marks. Their number grows by
-- splitting one bucket at a time (linear hashing), so a mark is found and added in the same time in a session of any length.
local MARK, FILL = 9, 40
-- In a list of marks, the place of a message without an id begins with this.
local NO_ID = '\0\0\0\0\0\0'

-- Return how many buckets a number of marks has, and the largest power of two up to it.
local function buckets_for(count)
  local buckets, level = math.max(1, math.ceil(count / FILL)), 1
  while 2 * level <= buckets do
    level = 2 * level
  end
  return buckets, level
end

-- Return the bucket of the mark at a position of a text.
local function place_of(text, at, buckets, level)
  local low, middle, high = string.byte(text, at, at + 2)
  local hash = low + 256 * middle + 65536 * high
  local place = hash % (2 * level)
  return place < buckets and place or hash % level
end
