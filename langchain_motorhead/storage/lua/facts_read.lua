-- Read the facts about a user at one instant.
--
-- KEYS  current facts, past facts, order of the current facts, state of the facts, key that shows whether a session ended
-- ARGV  epoch of a session or '', 1 if it has facts of its own, how many current facts to read at most or '' for all, 1 to
--       read the past ones too
-- Returns {version, first sequence number of the session that was not learned yet, 1 if the session was deleted, now in
--         microseconds, current facts in their order, past facts}.
local current, past, order, state = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local epoch, most = ARGV[1], ARGV[3]
local learned, ended, found, closed = '0', 0, {}, {}
if most ~= '' then
  whole(most, 'facts')
end
if epoch ~= '' then
  learned = redis.call('HGET', state, 'learned:' .. epoch) or '0'
  ended = is_ended(KEYS[5], epoch, ARGV[2]) and 1 or 0
end
local last = most == '' and '-1' or string.format('%d', tonumber(most) - 1)
local ids = redis.call('ZREVRANGE', order, 0, last)
for from = 1, #ids, 4000 do
  local part = redis.call('HMGET', current, unpack(ids, from, math.min(from + 3999, #ids)))
  for at = 1, #part do
    if part[at] then
      found[#found + 1] = part[at]
    end
  end
end
if ARGV[4] == '1' then
  closed = redis.call('HVALS', past)
end
return {redis.call('HGET', state, 'version') or '0', learned, ended, now_us(), found, closed}
