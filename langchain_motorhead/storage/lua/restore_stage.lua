-- Stage messages of a session that is imported in several steps. They expire after ten minutes without a next step.
--
-- KEYS  list of staged messages, hash of their marks (lib_marks.lua)
-- ARGV  how many marks are staged, marks to add to them, messages to add to the list
-- Returns how many marks are staged now.
local count = whole(ARGV[1], 'marks')
if count > 0 and redis.call('EXISTS', KEYS[2]) == 0 then
  error('the staged marks expired. Nothing was written')
end
local marks = open_marks(KEYS[2], count)
load_marks(marks, ARGV[2])
for at = 1, #ARGV[2], MARK do
  visit_mark(marks, ARGV[2], at, true)
end
if #ARGV > 2 then
  redis.call('RPUSH', KEYS[1], unpack(ARGV, 3))
end
count = save_marks(marks)
redis.call('PEXPIRE', KEYS[1], 600000)
redis.call('PEXPIRE', KEYS[2], 600000)
return count
