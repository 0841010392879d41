-- Read messages of a session by their sequence numbers, from the archive and the list, at one instant.
--
-- KEYS  messages, state, archive
-- ARGV  first sequence number to read, sequence number to stop before or '', how many messages of the list to read at most,
--       bytes of chunks from which no further chunk is read
-- Returns {} if there is no such session; else {epoch, user, first sequence number of the list, next sequence number of the
--         session, sequence number from which on every message is kept, chunks, 1 if they are all chunks that were asked
--         for, sequence number of the first message read from the list, messages of the list, {sequence number, time, ...}}.
--         If there are more chunks, the list was not read.
local messages, state, archive = KEYS[1], KEYS[2], KEYS[3]
local known = redis.call('HMGET', state, 'epoch', 'user', 'first', 'archived', 'archive_from')
if not known[1] then
  return {}
end
local first = whole(known[3] or '0', 'first')
local total = first + redis.call('LLEN', messages)
local from, upto = whole(ARGV[1], 'start'), math.min(ARGV[2] == '' and total or whole(ARGV[2], 'stop'), total)
local most, bytes = whole(ARGV[3], 'messages'), whole(ARGV[4], 'bytes')
local kept_from = known[5] and whole(known[5], 'archive_from') or first
local chunks, size, complete = {}, 0, true
if known[4] and from < math.min(first, upto) then
  local enough = false
  for at = position_of(archive, from), redis.call('LLEN', archive) - 1 do
    local chunk = redis.call('LINDEX', archive, at)
    local begins, ends = chunk:match('^(%d+) (%d+) ')
    if begins and tonumber(begins) >= upto then
      break
    end
    if enough and size >= bytes then
      complete = false
      break
    end
    chunks[#chunks + 1] = chunk
    size = size + #chunk
    enough = enough or (ends and tonumber(ends) >= from)
  end
end
local start = math.max(from, first)
local stop = math.min(upto, start + most)
local records, times = {}, {}
if complete and start < stop then
  records = redis.call('LRANGE', messages, start - first, stop - first - 1)
  times = times_of(state, first, start, stop)
end
return {known[1], known[2], first, total, kept_from, chunks, complete and 1 or 0, start, records, times}
