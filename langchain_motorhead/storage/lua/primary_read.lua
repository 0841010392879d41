-- Execute one command that reads a key, on the primary: clients that read from replicas send scripts to the primary. What
-- decides about a removal has to be read so, since a replica may lag.
--
-- KEYS  the key, or several keys for a command that takes several
-- ARGV  name of the command, and its arguments after the keys
-- Returns the reply of the command.
local command = {ARGV[1]}
for at = 1, #KEYS do
  command[at + 1] = KEYS[at]
end
for at = 2, #ARGV do
  command[#command + 1] = ARGV[at]
end
return redis.call(unpack(command))
