-- Functions for the scripts that read or write the versions of a session's summary: a list of records, oldest first.
-- They are put before these scripts, after lib_numbers.lua.
--
-- A record is a line `START STOP TIME ABOUT`, and a text (`sessions/summaries/records.py`). It covers the messages from
-- sequence number START to before STOP. One with START 0 is a whole summary. Another continues the record before it, which
-- stops where it starts. So a version of the summary is the texts of the records from the last one with START 0 on, one
-- directly after the other.

-- Bounds of the list: records, how many are kept of more, and bytes. What is beyond is merged into the record after it, or
-- removed.
local MOST_RECORDS, KEPT_RECORDS, MOST_BYTES = 32, 24, 65536

-- Return the parts of a record: start, stop, `TIME ABOUT` and text; nothing if it is damaged.
local function parts_of(record)
  local start, stop, about, text = (record or ''):match('^(%d+) (%d+) (%d+ [^\n]*)\n(.*)$')
  if start and #start < 16 and #stop < 16 then
    return tonumber(start), tonumber(stop), about, text
  end
end

-- Return a record.
local function to_record(start, stop, about, text)
  return string.format('%d %d ', start, stop) .. about .. '\n' .. text
end

-- Return the text of the version that ends with the record at a position, and where that record stops; nothing if a record of
-- it is missing or damaged.
local function version_at(records, last)
  local texts, next, ends = {}, nil, nil
  for at = last, 1, -1 do
    local start, stop, _, text = parts_of(records[at])
    if not start or (next and stop ~= next) then
      return
    end
    table.insert(texts, 1, text)
    next, ends = start, ends or stop
    if start == 0 then
      return table.concat(texts), ends
    end
  end
end

-- Return the records of a session. It has none if it was stored by an earlier version, or if the list is that of a session
-- of the same id whose state was evicted.
local function records_of(list, state)
  return redis.call('HEXISTS', state, 'versions') == 1 and redis.call('LRANGE', list, 0, -1) or {}
end

-- Return who wrote a stored summary and what it keeps, as in a record of unknown time.
local function about_stored(state)
  local known = redis.call('HMGET', state, 'written_by', 'kept')
  local author, kept = (known[1] or ''):match('^%l+$') or '', (known[2] or ''):match('^[%d ]+$') or ''
  return '0 {"by":"' .. author .. '","kept":"' .. kept .. '"}'
end

-- Return how many messages the summary of a session covers, and the summary or ''. `first` is the sequence number of the first
-- message of the list.
local function covered_of(state, first)
  local known = redis.call('HMGET', state, 'covered', 'summary')
  return known[1] and math.min(whole(known[1], 'covered'), first) or first, known[2] or ''
end

-- Return stored records, of which the last version is the stored summary: where it is not, it is added as a record.
local function with_stored(was, state, first)
  local records, covered, summary = {}, covered_of(state, first)
  for at = 1, #was do
    records[at] = was[at]
  end
  local text, stop = version_at(records, #records)
  if (text ~= summary or stop ~= covered) and (covered > 0 or summary ~= '') then
    records[#records + 1] = to_record(0, covered, about_stored(state), summary)
  end
  return records
end

-- Return whether a record is a whole summary, or damaged: no record before it is needed to read it.
local function begins_version(record)
  local start = parts_of(record)
  return not start or start == 0
end

-- Bound a list of records. The last version stays, and so do the newest ones before it.
local function bounded(records)
  local size, from = 0, 1
  for at = 1, #records do
    size = size + #records[at]
  end
  local at = 2
  while size > MOST_BYTES and at <= #records do -- whole summaries with what continues them
    if begins_version(records[at]) then
      for gone = from, at - 1 do
        size = size - #records[gone]
      end
      from = at
    end
    at = at + 1
  end
  if #records - from >= MOST_RECORDS then
    from = #records - KEPT_RECORDS + 1
  end
  local kept = {}
  for place = from, #records do
    kept[#kept + 1] = records[place]
  end
  if from > 1 and not begins_version(kept[1]) then
    local text, stop = version_at(records, from)
    local _, _, about = parts_of(kept[1])
    if text then
      kept[1] = to_record(0, stop, about, text)
    else
      while kept[1] and not begins_version(kept[1]) do
        table.remove(kept, 1)
      end
    end
  end
  return kept
end

-- Store the records of a session, of which `was` are stored, and let them expire with it.
local function store_records(list, state, was, records)
  local same = 0
  while was[same + 1] and was[same + 1] == records[same + 1] do
    same = same + 1
  end
  if same == #was - 1 and same == #records - 1 then
    redis.call('LSET', list, -1, records[#records])
    same = #records
  elseif same < #was or same == 0 then
    redis.call('UNLINK', list)
    same = 0
  end
  for from = same + 1, #records, 1000 do
    redis.call('RPUSH', list, unpack(records, from, math.min(from + 999, #records)))
  end
  redis.call('HSET', state, 'versions', string.format('%d', #records))
  local life = redis.call('PTTL', state)
  if life >= 0 then
    redis.call('PEXPIRE', list, life)
  end
end

-- Make a text the summary of a session, with who wrote it and what it keeps. An empty text removes the summary.
local function set_summary(state, summary, author, kept)
  if summary == '' then
    redis.call('HDEL', state, 'summary', 'written_by', 'kept')
  else
    redis.call('HSET', state, 'summary', summary, 'written_by', author, 'kept', kept)
  end
end

-- Return the time now, in microseconds since 1970, as text.
local function microseconds()
  local time = redis.call('TIME')
  return string.format('%d', time[1] * 1000000 + time[2])
end

-- Add a new version of the summary to records. It continues the last version if it begins with its text, unless it was written
-- anew. `stop` is the sequence number up to which it covers the messages, and `about` says who wrote it, as JSON.
local function with_version(records, summary, stop, about, anew)
  local text, covered = version_at(records, #records)
  about = microseconds() .. ' ' .. about
  if anew or not text or covered == 0 or covered > stop or summary:sub(1, #text) ~= text then
    records[#records + 1] = to_record(0, stop, about, summary)
    return records
  end
  local start, _, _, last = parts_of(records[#records])
  if #summary > #text then
    records[#records + 1] = to_record(covered, stop, about, summary:sub(#text + 1))
  elseif last == '' then -- nothing new again: it covers more
    records[#records] = to_record(start, stop, about, '')
  else
    records[#records + 1] = to_record(covered, stop, about, '')
  end
  return records
end

-- Make a text the summary of a session, and add it to its versions, of which `was` are stored, as `records_of` returned them
-- before anything was written. `first` is the sequence number of the first message of the list at that time. See
-- `with_version` for the other arguments.
local function add_version(list, state, was, first, summary, stop, author, kept, about, anew)
  local records = with_stored(was, state, first)
  set_summary(state, summary, author, kept)
  store_records(list, state, was, bounded(with_version(records, summary, stop, about, anew)))
  redis.call('HDEL', state, 'covered')
end

-- Return the records of a summary that is being made again, or none if that was begun for another state of the session.
local function rebuilt_records(rebuild, epoch, revision, kind)
  local records = redis.call('LRANGE', rebuild, 0, -1)
  return table.remove(records, 1) == epoch .. ' ' .. revision .. ' ' .. kind and records or {}
end

-- Return records without those that cover message `seq`, or a later one.
local function before_message(records, seq)
  local kept = {}
  for at = 1, #records do
    local _, stop = parts_of(records[at])
    if stop and stop <= seq then
      kept[#kept + 1] = records[at]
    end
  end
  return kept
end

-- Make the newest version from before message `seq` the summary, and remove all later ones: they were written with knowledge
-- of it. Without such a version, there is no summary then. A summary that does not cover the message stays.
--
-- `first` is the sequence number of the first message of the list. Writes the state and the list, and removes `rebuild`, the
-- summary that is being made again.
local function fall_back(list, rebuild, state, first, seq)
  local covered = covered_of(state, first)
  redis.call('UNLINK', rebuild)
  if seq >= covered then
    return
  end
  local was = records_of(list, state)
  local records = before_message(was, seq)
  local text, stop = version_at(records, #records)
  while not text and #records > 0 do
    table.remove(records)
    text, stop = version_at(records, #records)
  end
  local _, _, about = parts_of(records[#records])
  set_summary(state, text or '', (about or ''):match('"by":"(%l*)"') or '', (about or ''):match('"kept":"([%d ]*)"') or '')
  redis.call('HSET', state, 'covered', string.format('%d', stop or 0))
  store_records(list, state, was, records)
end

-- Raise an error unless rejected answers can be counted: `args` has pairs from position `from` on, what they are counted as and how
-- many there were.
local function check_rejected(state, args, from)
  for at = from, #args, 2 do
    whole(args[at + 1], 'a count of rejected answers')
    whole(redis.call('HGET', state, 'rejected:' .. args[at]) or '0', 'a stored number')
  end
end

-- Count rejected answers. `check_rejected` has to be called before anything is written.
local function count_rejected(state, args, from)
  for at = from, #args, 2 do
    redis.call('HINCRBY', state, 'rejected:' .. args[at], args[at + 1])
  end
end
