-- A function for the scripts that read a session. It is put before them.

-- Return the state and the messages of a session: {epoch, first, summary, tokens, failures, user, size, indexed, revision,
-- length, messages, written_by, kept, covered, forgotten}. `first` is the sequence number of the first message of the list,
-- `length` is the length of the whole list, and `messages` are those from position `from` to position `to`, as LRANGE takes
-- them.
local function snapshot_of(messages, state, from, to)
  local snapshot = redis.call('HMGET', state, 'epoch', 'first', 'summary', 'tokens', 'failures', 'user', 'size', 'indexed',
    'revision', 'written_by', 'kept', 'covered', 'forgotten')
  snapshot[12], snapshot[13], snapshot[14], snapshot[15] = snapshot[10], snapshot[11], snapshot[12], snapshot[13]
  snapshot[10] = redis.call('LLEN', messages)
  snapshot[11] = redis.call('LRANGE', messages, from, to)
  return snapshot
end
