"""Redis commands as data: keys, operations and Lua scripts. Imports no Redis client and does no I/O."""
