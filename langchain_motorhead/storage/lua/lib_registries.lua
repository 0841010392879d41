-- A function for the scripts that list a session in a registry. It is put before them, after lib_numbers.lua.

-- List a session in a registry. A registry expires a second after the last of its sessions, unless it lists, or ever listed,
-- a session without time to live. The second allows for the clocks of other cluster nodes.
--
-- `ttl` is the time to live of the session in ms, or 0. With `only_new`, a session that is listed keeps its score.
local function enlist(registry, score, id, ttl, only_new)
  local left, ends = redis.call('PTTL', registry), whole(ttl, 'ttl') + 1000
  if only_new then
    redis.call('ZADD', registry, 'NX', score, id)
  else
    redis.call('ZADD', registry, score, id)
  end
  if ttl == '0' then
    if left >= 0 then
      redis.call('PERSIST', registry)
    end
  elseif left == -2 or (left >= 0 and left < ends) then
    redis.call('PEXPIRE', registry, string.format('%d', ends))
  end
end
