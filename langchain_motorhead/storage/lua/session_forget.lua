-- Replace messages of a session, by tombstones or by others, with all that was made of them; or do nothing if the session
-- changed since it was read.
--
-- What is replaced is where the worker has read it: in the list, or in a chunk of the archive. In the same step the marks of the
-- messages change, their documents and every vector that was made with their text are removed, and the summaries that were
-- made with them are dropped. No commit of a worker that has read the session before is accepted any more.
--
-- KEYS  messages, state, marks of the messages, archive, versions of the summary (lib_summaries.lua), summary that is being
--       made again
-- ARGV  epoch and revision as read, sequence number from which on no summary may cover messages or '', change of `size` or '',
--       how many messages are forgotten now, prefix of the documents' keys, 1 if the documents of the messages are to be made
--       again, largest distance of a message whose vector was made with the text of another, number of messages that the session
--       had when messages were not found in it or '', marks to put, number of sequence numbers, number of records in the list, number
--       of chunks, ids of the messages that were not found (as in records, with a line feed after each), the sequence numbers, pairs
--       of a sequence number and a record, and for each chunk: its first sequence number, its header as read, the new chunk
-- Returns {0} if nothing was done; {1} if the session has a later layout; else {2, documents removed, vectors removed, summaries
--         dropped}.
local messages, state, marked, archive, versions, rebuild = unpack(KEYS, 1, 6)
local epoch, revision, since, size, forgotten, prefix, again, reach, wanted, given = unpack(ARGV, 1, 10)
local numbers, records, chunks, HEAD = whole(ARGV[11], 'numbers'), whole(ARGV[12], 'records'), whole(ARGV[13], 'chunks'), 14
local RECORDS = HEAD + numbers
local CHUNKS = RECORDS + 2 * records
if numbers < 0 or records < 0 or chunks < 0 or #ARGV ~= CHUNKS + 3 * chunks or #given % MARK ~= 0 then
  error('values are missing. Nothing was written')
end
local known = redis.call('HMGET', state, 'epoch', 'revision', 'first', 'indexed', 'embedded', 'vectorless', 'marks', 'size',
  'archive_bytes', 'forgotten', 'format', 'remake', 'ids')
local first, indexed = whole(known[3] or '0', 'first'), whole(known[4] or '0', 'indexed')
local embedded = math.min(whole(known[5] or known[4] or '0', 'embedded'), indexed)
for _, at in ipairs({2, 7, 8, 9, 10}) do
  whole(known[at] or '0', 'a stored number')
end
for _, each in ipairs({since, size, wanted}) do
  whole(each == '' and '0' or each, 'a number')
end
whole(forgotten, 'the number of messages')
local covered = covered_of(state, first)
reach = whole(reach, 'distance')
for at = HEAD + 1, RECORDS do
  whole(ARGV[at], 'a sequence number')
end
for at = RECORDS + 1, CHUNKS, 2 do
  whole(ARGV[at], 'a sequence number')
end
for at = CHUNKS + 1, #ARGV, 3 do
  whole(ARGV[at], 'the first number of a chunk')
end
if known[1] ~= epoch or (known[2] or '0') ~= revision then
  return {0}
end
if is_later(known[11]) then
  return {1}
end
local length = redis.call('LLEN', messages)
if wanted ~= '' then
  -- What was not found may be among the messages that were appended since. They are few, as the search is not long ago.
  local from = tonumber(wanted) - first
  if from < 0 or length - from > 1000 then
    return {0}
  end
  local newer = length > from and redis.call('LRANGE', messages, from, -1) or {}
  for id in ARGV[14]:gmatch('[^\n]+') do
    for _, record in ipairs(newer) do
      if record:find(id, 1, true) then
        return {0} -- it may be this one: it is looked for again
      end
    end
  end
end
for at = RECORDS + 1, CHUNKS, 2 do
  local place = tonumber(ARGV[at]) - first
  if place < 0 or place >= length then
    return {0} -- a compaction has moved it
  end
end
local places, grown = {}, 0
for at = CHUNKS + 1, #ARGV, 3 do
  local place = position_of(archive, tonumber(ARGV[at]))
  local there = redis.call('LINDEX', archive, place) or ''
  if there:sub(1, #ARGV[at + 1]) ~= ARGV[at + 1] then
    return {0} -- a compaction has merged it with others
  end
  places[at], grown = place, grown + #ARGV[at + 2] - #there
end

local before = with_stored(records_of(versions, state), state, first)
redis.call('HSET', state, 'epoch', known[1]) -- at maxmemory, this is refused
-- First, so that a key of another type in its place is noticed before anything is stored.
local marks = open_marks(marked, known[7] and tonumber(known[7]) or 0)
if known[13] then
  add_earlier(marks, known[13])
end
if given ~= '' then
  load_marks(marks, given)
  for at = 1, #given, MARK do
    if visit_mark(marks, given, at, true) ~= nil then -- it is known, and its content is another now
      local place = place_of(given, at, marks.buckets, marks.level)
      local bucket = marks.loaded[place]
      local there = found_in(bucket, given:sub(at, at + 5))
      marks.loaded[place] = bucket:sub(1, there + 5) .. given:sub(at + 6, at + 8) .. bucket:sub(there + MARK)
      marks.changed[place] = true
    end
  end
  redis.call('HSET', state, 'marks', save_marks(marks))
  redis.call('HDEL', state, 'ids')
  local left = redis.call('PTTL', state)
  if left > 0 then
    redis.call('PEXPIRE', marked, left)
  end
end
local dropped = 0
if since ~= '' then
  fall_back(versions, rebuild, state, first, tonumber(since))
  dropped = tonumber(since) < covered and #before - #records_of(versions, state) or 0
end
redis.call('HINCRBY', state, 'revision', 1)
for at = RECORDS + 1, CHUNKS, 2 do
  redis.call('LSET', messages, tonumber(ARGV[at]) - first, ARGV[at + 1])
end
for at = CHUNKS + 1, #ARGV, 3 do
  redis.call('LSET', archive, places[at], ARGV[at + 2])
end
if chunks > 0 and grown ~= 0 then
  redis.call('HINCRBY', state, 'archive_bytes', grown)
end
if size ~= '' and known[8] then
  redis.call('HINCRBY', state, 'size', size)
end
if forgotten ~= '0' then
  redis.call('HINCRBY', state, 'forgotten', forgotten)
end

-- The text of a message is embedded with the next two that have documents. These are looked for before any is removed.
local lacking, gone, near = known[6] or '', {}, {}
for at = HEAD + 1, RECORDS do
  gone[tonumber(ARGV[at])] = true
end
for at = HEAD + 1, RECORDS do
  local found, seq = 0, tonumber(ARGV[at]) + 1
  local last = math.min(seq + reach, indexed) - 1
  while found < 2 and seq <= last do
    if redis.call('EXISTS', prefix .. seq) == 1 then
      found = found + 1
      if not gone[seq] then
        gone[seq], near[#near + 1] = false, seq
      end
    end
    seq = seq + 1
  end
end
local vectors = 0
for _, seq in ipairs(near) do
  local fields = {}
  for _, field in ipairs(redis.call('HKEYS', prefix .. seq)) do
    if field:sub(1, 6) == 'vector' then
      fields[#fields + 1] = field
    end
  end
  if #fields > 0 then
    redis.call('HDEL', prefix .. seq, unpack(fields))
    vectors = vectors + 1
    if seq < embedded and not (' ' .. lacking):find(' ' .. seq .. ':', 1, true) then
      lacking = lacking .. (lacking == '' and '' or ' ') .. seq .. ':0'
    end
  end
end
local documents, remake = 0, known[12] or ''
for at = HEAD + 1, RECORDS do
  local seq = tonumber(ARGV[at])
  if seq < indexed then
    documents = documents + unlink_all(document_keys(prefix, seq, seq + 1))
    if again == '1' then
      remake = remake .. (remake == '' and '' or ' ') .. seq
    end
    lacking = (' ' .. lacking):gsub(' ' .. seq .. ':%w+', ''):sub(2)
  end
end
if remake ~= (known[12] or '') then
  redis.call('HSET', state, 'remake', remake)
end
if lacking ~= (known[6] or '') then
  if lacking == '' then
    redis.call('HDEL', state, 'vectorless', 'retry')
  else
    redis.call('HSET', state, 'vectorless', lacking, 'retry', 0) -- at once
  end
end
return {2, documents, vectors, dropped}
