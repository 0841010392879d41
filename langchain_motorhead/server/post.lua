-- What the wire's POST does: append, replace the summary, and list the session in a group. All or nothing.
-- It stands after session_append.lua, as the function `append`.
--
-- KEYS  those of session_append.lua, with the marks in any case if the request has one, the versions of the summary if it is
--       replaced, and the set of the sessions that are in groups alone (not in a cluster, where it is in another slot)
-- ARGV  messages given, 1 to replace the summary, the new one or '', key of the group or '', 1 if the last key is that set,
--       mark of the request (lib_marks.lua) by which it is recognised when it is sent again, or '', and those of
--       session_append.lua, with a placeholder where no message is given
-- Returns what session_append.lua does, or {5} if the session knows another request of the same mark.
local count, replace, summary, group, _, request = unpack(ARGV, 1, 6)
local grouped = ARGV[5] == '1' and table.remove(KEYS) or ''
local versions = replace == '1' and table.remove(KEYS)
local args, OWN = {}, 6
for at = OWN + 1, #ARGV - (count == '0' and 1 or 0) do
  args[at - OWN] = ARGV[at]
end
if count == '0' then
  args[6] = '' -- tokens of the placeholder
end
local state, marked, id, now, token, user, ttl = KEYS[2], KEYS[3], args[1], args[2], args[3], args[4], args[5]
local was = redis.call('HMGET', state, 'epoch', 'groups', 'replaced', 'revision', 'marks', 'size', 'user', 'first')
whole(was[4] or '0', 'revision')
local first = whole(was[8] or '0', 'first')
local covered, before = covered_of(state, first)
local mine = user == '' or not was[7] or was[7] == user
if request ~= '' and was[1] and mine then
  local there = visit_mark(open_marks(marked, whole(was[5] or '0', 'marks')), request, 1, false)
  if there then
    return {1, redis.call('LLEN', KEYS[1]), was[6] and whole(was[6], 'size'), 0, false, covered < first and 1 or 0} -- sent again
  elseif there == false then
    return {5}
  end
end
-- Remember the request. It is the last that is written, when nothing can be refused any more.
local function remember()
  if request == '' then
    return
  end
  local marks = tonumber(redis.call('HGET', state, 'marks') or '0')
  if marks == 0 then
    redis.call('UNLINK', marked) -- of a session whose state was evicted
  end
  local opened = open_marks(marked, marks)
  visit_mark(opened, request, 1, true)
  redis.call('HSET', state, 'marks', save_marks(opened))
  local left = redis.call('PTTL', state)
  if left > 0 then
    redis.call('PEXPIRE', marked, left)
  end
end
local records = versions and records_of(versions, state)
local result = append(KEYS, args)
if type(result) == 'table' and result[1] ~= 1 or (count == '0' and replace == '0') then
  return result
end
if was[3] == token then
  return result -- sent again, as its answer was lost: what was summarized since is not to be replaced, too
end

if redis.call('HEXISTS', state, 'epoch') == 0 then -- a summary alone makes a session, too
  for at = ttl == '0' and 4 or 7, #KEYS do
    enlist(KEYS[at], now, id, ttl)
  end
  redis.call('HSET', state, 'epoch', new_epoch(token:sub(-8)), 'created', now, 'updated', now, 'format', 1)
  if user ~= '' then
    redis.call('HSET', state, 'user', user)
  end
  if ttl ~= '0' then
    redis.call('PEXPIRE', state, ttl)
  end
end
if replace == '1' then
  if before ~= summary then
    redis.call('HINCRBY', state, 'revision', 1)
    add_version(versions, state, records, first, summary, first, 'client', '', '{"by":"client"}', true)
  elseif summary ~= '' then
    redis.call('HSET', state, 'written_by', 'client')
    redis.call('HDEL', state, 'kept')
  end
  redis.call('HSET', state, 'replaced', token)
end

-- Which sets list the session beside its registries, for its deletion: keys, with spaces before and after.
local known = was[2] or ' '
local groups = known
local function has(key)
  return groups:find(' ' .. key .. ' ', 1, true)
end
if group ~= '' and not has(group) then
  groups = groups .. group .. ' '
end
if grouped ~= '' and group ~= '' and not was[1] then
  enlist(grouped, now, id, ttl)
  groups = groups .. grouped .. ' '
elseif grouped ~= '' and group == '' and has(grouped) then
  redis.call('ZREM', grouped, id)
  local from, upto = has(grouped)
  groups = groups:sub(1, from) .. groups:sub(upto + 1)
end
if groups ~= known then
  redis.call('HSET', state, 'groups', groups)
end
remember()
return result
