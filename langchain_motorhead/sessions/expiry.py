"""The life of a long session's documents: extended in slices, so that no script occupies Redis for long. A flow."""

from __future__ import annotations

from langchain_motorhead.flows.protocol import Flow, Pause
from langchain_motorhead.sessions.operations import renew_documents
from langchain_motorhead.storage.keys import SessionKeys

# Others get their turn between two slices.
_PAUSE = Pause(0.005)


def renew_all(keys: SessionKeys) -> Flow[None]:
    """Let all documents of a session live as long as it. If this is interrupted, the next append goes on with it."""
    while (yield renew_documents(keys)):
        yield _PAUSE
