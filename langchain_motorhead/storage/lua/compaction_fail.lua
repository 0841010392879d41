-- Count a failed summarization, and replace the lease by a pause that doubles with each failure in a row.
--
-- KEYS  state, lease
-- ARGV  token of the worker, epoch, first pause in ms, longest pause in ms
-- Returns {failures in a row, pause in ms}, or {0, 0} if the session was deleted.
local first, longest = whole(ARGV[3], 'pause'), whole(ARGV[4], 'pause')
whole(redis.call('HGET', KEYS[1], 'failures') or '0', 'failures')
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[2] then
  return {0, 0}
end
local failures = redis.call('HINCRBY', KEYS[1], 'failures', 1)
local pause = math.min(first * 2 ^ math.min(failures - 1, 30), longest)
local holder = redis.call('GET', KEYS[2])
if not holder or holder == ARGV[1] or holder == ARGV[1] .. '!' then
  redis.call('SET', KEYS[2], 'pause', 'PX', string.format('%d', pause))
end
return {failures, pause}
