"""Random changes of a session, and what the session must have after them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from langchain_core.messages import AIMessage, BaseMessage

from langchain_motorhead import Session
from langchain_motorhead.sessions.archive.transcript import GapReason
from support.messages import with_tools
from support.summarizers import remembered


class Change(NamedTuple):
    """One change of a session. It may be made again.

    Attributes:
        make: Makes it.
        made: Notes that it was made.
    """

    make: Callable[[Session], object]
    made: Callable[[], object]


@dataclass
class Changes:
    """Appends turns with tools, forgets and edits messages, and makes the summary again, at random.

    Attributes:
        random: Where it is taken from.
        said: The messages that the session must have, by sequence number. None for one that was forgotten.
    """

    random: Random
    said: list[BaseMessage | None] = field(default_factory=list)

    def next(self) -> Change:
        """Choose the next change."""
        plain = [
            seq
            for seq, each in enumerate(self.said)
            if each is not None and not (each.type == "tool" or (isinstance(each, AIMessage) and each.tool_calls))
        ]
        kind, at = self.random.randrange(5 if plain else 1), len(self.said)
        if kind in (0, 1):
            turn = [each.model_copy(update={"id": each.content}) for each in with_tools(f"turn {at}")]
            return Change(lambda session: session.append(turn), lambda: self.said.extend(turn))
        seq = self.random.choice(plain or [0])
        old = self.said[seq]
        if kind == 4 or old is None:
            return Change(lambda session: session.rebuild_summary(), lambda: None)
        if kind == 2:

            def forget(session: Session) -> None:
                session.forget([seq])
                session.append(old)  # a client that sends it again

            return Change(forget, lambda: self._put(seq, None))
        new = old.model_copy(update={"content": f"edited {self.random.random()}"})
        return Change(lambda session: session.edit(str(old.id), new), lambda: self._put(seq, new))

    def _put(self, seq: int, message: BaseMessage | None) -> None:
        self.said[seq] = message

    def assert_hold(self, session: Session) -> None:
        """Check that transcript, and summary with window, have exactly the messages, in order.

        Args:
            session: The session. A `Ledger` summarizes it.
        """
        there = [(seq, message) for seq, message in enumerate(self.said) if message is not None]
        transcript = session.transcript()
        assert [(each.seq, each.message) for each in transcript] == there
        assert {gap.reason for gap in transcript.gaps} <= {GapReason.FORGOTTEN}
        session.compact()
        memory = session.load()
        assert remembered(memory) == [message.content for _, message in there]
        assert memory.gap is None
