-- Read a page of the marks of a session (lib_marks.lua), for an export.
--
-- A bucket is only ever split into itself and one with a higher number, so pages that are read in ascending order contain
-- every mark that there was when the first of them was read.
--
-- KEYS  state, marks
-- ARGV  first bucket, number of buckets
-- Returns {epoch, number of buckets of the session, {digest of an id, digest of a content, ...}}. The digests are numbers,
--         because a client may decode texts.
local from, width = whole(ARGV[1], 'bucket'), whole(ARGV[2], 'buckets')
local known = redis.call('HMGET', KEYS[1], 'epoch', 'marks')
local buckets = math.ceil(whole(known[2] or '0', 'marks') / FILL)
local found = {}
for place = from, math.min(from + width, buckets) - 1 do
  local marks = redis.call('HGET', KEYS[2], place) or ''
  for at = 1, #marks, MARK do
    local a, b, c, d, e, f, g, h, i = string.byte(marks, at, at + MARK - 1)
    found[#found + 1] = ((((a * 256 + b) * 256 + c) * 256 + d) * 256 + e) * 256 + f
    found[#found + 1] = (g * 256 + h) * 256 + i
  end
end
return {known[1], buckets, found}
