-- A function for the scripts that list a session in a registry. It is put before them, after lib_numbers.lua.

-- List a session in a registry. A registry expires a second after the last of its sessions, unless it lists, or ever listed,
-- a session without time to live. The second allows for the clocks of other cluster nodes.
--
-- `ttl` is the time to live of the session in ms, or 0. With `only_new`, a session that is listed keeps its score. With
-- `exists`, the session existed before, so a registry that listed it lives as long as it.
local function enlist(registry, score, id, ttl, only_new, exists)
  local left = ttl ~= '0' and redis.call('PTTL', registry)
  local ends = left and whole(ttl, 'ttl') + 1000
  local is_new
  if only_new then
    is_new = redis.call('ZADD', registry, 'NX', score, id) == 1
  else
    is_new = redis.call('ZADD', registry, score, id) == 1
  end
  if not left then
    if is_new or not exists then
      redis.call('PERSIST', registry)
    end
  elseif left == -2 or (left >= 0 and left < ends) then
    redis.call('PEXPIRE', registry, string.format('%d', ends))
  end
end
