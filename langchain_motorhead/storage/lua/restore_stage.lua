-- Put messages where a session that is put in place takes them from. Unless more come, they go after ten minutes.
--
-- KEYS  messages that are staged
-- ARGV  more of them
redis.call('RPUSH', KEYS[1], unpack(ARGV))
return redis.call('PEXPIRE', KEYS[1], 600000)
