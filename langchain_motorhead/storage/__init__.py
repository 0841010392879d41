"""Redis commands as data: keys, operations and Lua scripts. Imports no client and does no I/O."""
