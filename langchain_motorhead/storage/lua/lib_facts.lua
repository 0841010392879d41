-- Functions for the scripts that read or write the facts about a user. They are put before them.
--
-- The state of the facts is a hash: 'version', which every write raises; 'learned:EPOCH', the sequence number of the first
-- message of a session that was not learned yet; 'failures', of the learner in a row; and counts.

-- Return whether nothing may be learned from a session any more: it was deleted. `ends` is the key of the sorted set of the
-- epochs that ended; or that of the session's state, if `own` is '1': the session has no user, and facts of its own.
local function is_ended(ends, epoch, own)
  if own == '1' then
    return redis.call('HGET', ends, 'epoch') ~= epoch
  end
  return redis.call('ZSCORE', ends, epoch) and true or false
end

-- Return the time in microseconds since 1970, as text.
local function now_us()
  local time = redis.call('TIME')
  return string.format('%d%06d', time[1], time[2])
end
