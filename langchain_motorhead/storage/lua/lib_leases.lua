-- Functions for the scripts that take or extend a lease. They are put before them.

-- Return the token that holds a lease, or false. A lease without expiry, or of more than ten minutes, is not valid: no
-- worker takes one so long, so Redis' clock was set back.
local function holder_of(lease)
  local holder, left = redis.call('GET', lease), redis.call('PTTL', lease)
  return left >= 0 and left <= 600000 and holder
end

-- Return whether a worker may take a lease that `holder` holds: nobody does; this worker does, whose answer was lost; or an
-- earlier attempt at the same job does, which is given up as soon as a later one begins. Tokens are 'JOB.ATTEMPT.RANDOM',
-- or, outside of jobs, anything else.
local function may_take(holder, token)
  local held = holder and string.gsub(holder, '!$', '') or token
  if held == token then
    return true
  end
  local job, earlier = string.match(held, '^(%w+)%.(%d+)%.')
  local own, later = string.match(token, '^(%w+)%.(%d+)%.')
  return job ~= nil and job == own and tonumber(earlier) < tonumber(later)
end

-- Extend a lease by a duration in ms, if a worker still holds it, also if another one has asked for more work ('!').
local function extend_lease(lease, token, duration)
  local holder = redis.call('GET', lease)
  if holder == token or holder == token .. '!' then
    redis.call('PEXPIRE', lease, duration)
  end
end
