"""A step of forgetting, alone: the summary falls back to the version from before a message."""

from __future__ import annotations

from langchain_motorhead.storage.keys import SessionKeys
from langchain_motorhead.storage.operation import Command, Operation, ignore_replies
from langchain_motorhead.storage.scripts import source_of, to_script

FALL_BACK = to_script(
    "\n".join(map(source_of, ("lib_numbers", "lib_summaries")))
    + """
local first = whole(redis.call('HGET', KEYS[1], 'first') or '0', 'first')
if redis.call('HEXISTS', KEYS[1], 'epoch') == 1 then
  redis.call('HINCRBY', KEYS[1], 'revision', 1)
  fall_back(KEYS[2], KEYS[3], KEYS[1], first, whole(ARGV[1], 'seq'))
end
return 1
"""
)


def fall_back(keys: SessionKeys, seq: int) -> Operation[None]:
    """Make the newest version from before a message the summary, as forgetting the message does."""
    command = Command(FALL_BACK, (keys.state, keys.summaries, keys.rebuild), (seq,))
    return Operation((command,), ignore_replies)
