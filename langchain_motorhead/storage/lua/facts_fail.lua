-- Count a failure of the learner, and replace the lease by a pause that doubles with each failure in a row.
--
-- KEYS  lease, state of the facts
-- ARGV  token of the worker, first pause in ms, longest pause in ms
-- Returns {failures in a row, pause in ms}, or {0, 0} if this worker does not hold the lease any more.
local first, longest = whole(ARGV[2], 'pause'), whole(ARGV[3], 'pause')
whole(redis.call('HGET', KEYS[2], 'failures') or '0', 'failures')
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return {0, 0}
end
local failures = redis.call('HINCRBY', KEYS[2], 'failures', 1)
local pause = math.min(first * 2 ^ math.min(failures - 1, 30), longest)
redis.call('SET', KEYS[1], 'pause', 'PX', string.format('%d', pause))
return {failures, pause}
