-- A function for the scripts that take a lease. It is put before them.

-- Return the token that holds a lease, or false. A lease without expiry, or of more than ten minutes, is not valid: no
-- worker takes one so long, so Redis' clock was set back.
local function holder_of(lease)
  local holder, left = redis.call('GET', lease), redis.call('PTTL', lease)
  return left >= 0 and left <= 600000 and holder
end
