-- Count a failed summarization, and keep everybody from the next try for a time that doubles with each.
--
-- KEYS  state, lease
-- ARGV  token, epoch, first pause in ms, longest pause in ms
-- Returns {failures in a row, pause in ms}.
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[2] then
  return {0, 0}
end
local failures = redis.call('HINCRBY', KEYS[1], 'failures', 1)
local pause = math.min(tonumber(ARGV[3]) * 2 ^ math.min(failures - 1, 30), tonumber(ARGV[4]))
local holder = redis.call('GET', KEYS[2])
if not holder or holder == ARGV[1] or holder == ARGV[1] .. '!' then
  redis.call('SET', KEYS[2], 'pause', 'PX', string.format('%d', pause))
end
return {failures, pause}
