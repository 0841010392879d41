"""The life of a long session's documents: extended in slices, so that no script occupies Redis for long. A flow."""

from __future__ import annotations

from langchain_motorhead.flows.protocol import Flow, Pause
from langchain_motorhead.storage.keys import SessionKeys
from langchain_motorhead.storage.operation import Command, Operation
from langchain_motorhead.storage.scripts import SCRIPTS

# Others get their turn between two slices.
_PAUSE = Pause(0.005)


def renew_documents(keys: SessionKeys) -> Operation[bool]:
    """Let some more documents of a session live as long as it. Returns whether there are further ones.

    An append begins this if the session expires, and has more documents than one script should touch.
    """
    command = Command(SCRIPTS["documents_renew"], (keys.state, keys.stale), (keys.documents,))
    return Operation((command,), lambda replies: bool(replies[0]))


def renew_all(keys: SessionKeys) -> Flow[None]:
    """Let all documents of a session live as long as it. If this is interrupted, the next append goes on with it."""
    while (yield renew_documents(keys)):
        yield _PAUSE
