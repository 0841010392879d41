-- A function for the scripts that take a lease: it goes before them.

-- Give who holds a lease. None of ours is without an end, or longer than ten minutes: then Redis' clock was set back.
local function holder_of(lease)
  local holder, left = redis.call('GET', lease), redis.call('PTTL', lease)
  return left >= 0 and left <= 600000 and holder
end
