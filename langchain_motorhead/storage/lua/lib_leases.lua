-- Functions for the scripts that take or extend a lease. They are put before them.

-- Return the token that holds a lease, or false. A lease without expiry, or of more than ten minutes, is not valid: no
-- worker takes one so long, so Redis' clock was set back.
local function holder_of(lease)
  local holder, left = redis.call('GET', lease), redis.call('PTTL', lease)
  return left >= 0 and left <= 600000 and holder
end

-- Extend a lease by a duration in ms, if a worker still holds it, also if another one has asked for more work ('!').
local function extend_lease(lease, token, duration)
  local holder = redis.call('GET', lease)
  if holder == token or holder == token .. '!' then
    redis.call('PEXPIRE', lease, duration)
  end
end
