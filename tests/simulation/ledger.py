"""The ledger of a simulation: the expected content of a session, updated with each operation that Redis executed.

It knows what operations mean, and nothing of the scripts and flows that carry them out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from langchain_motorhead.messages.codec import decode
from langchain_motorhead.sessions.changes.operations import Removed
from langchain_motorhead.sessions.operations import AppendResult
from langchain_motorhead.storage.operation import Operation
from langchain_motorhead.storage.scripts import SCRIPTS, Script
from simulation.forgetting import Utterance, replaced
from support.fall_back import FALL_BACK

Keys = Mapping[bytes, Any]
# The same few records are looked at again and again.
decoded = lru_cache(maxsize=10_000)(decode)
# Arguments before the messages: of a post, those of its append follow.
_POST_HEAD, _HEAD = 6, 10


def name_of(operation: Operation[Any]) -> str:
    """Give the name of an operation: of its script, or its command."""
    called = operation.commands[0].name
    if called == FALL_BACK:
        return "fall_back"
    return _name_of(called.source) if isinstance(called, Script) else called


@lru_cache
def _name_of(source: str) -> str:
    return next((each for each, script in SCRIPTS.items() if script.source == source), "post")


@dataclass(frozen=True)
class Ledger:
    """What should be there.

    Attributes:
        said: All that was accepted, in order; None where there is no session.
        context: What a client put in the place of the summary, and how much of what was said was summarized then.
        contexts: All of them so far, and the beginning without any: after versions were removed, one of them counts.
        fell_back: Whether versions were removed since the last one was put there.
        outdated: Whether a summary of the session as it was before took the place of the summary.
        replaced: Token of the request that put it there: sent again, it changes nothing.
        nothing: Texts that a summarizer found nothing in, and said so.
        forgotten: What messages said, when they were accepted, of which somebody was told that they are forgotten.
        strayed: Whether messages of a session were replaced that is not there any more.
        epoch: Of the session, as it was when it was made.
        past: Epochs of sessions that were deleted.
    """

    said: tuple[Utterance, ...] | None = None
    context: tuple[str, int] = ("", 0)
    contexts: frozenset[tuple[str, int]] = frozenset({("", 0)})
    fell_back: bool = False
    outdated: bool = False
    replaced: object = None
    nothing: frozenset[str] = frozenset()
    forgotten: frozenset[str] = frozenset()
    strayed: bool = False
    epoch: bytes | None = None
    past: frozenset[bytes] = frozenset()

    def executed(self, operation: Operation[Any], result: Any, state: Keys) -> Ledger:
        """Take note of an operation that Redis executed, and of the session's state as it left it."""
        name = name_of(operation)
        if name == "session_delete" and result >= 0:
            return Ledger(past=self.past | {self.epoch} if self.epoch else self.past)
        if name == "rebuild_swap" and result.done:
            began = int(operation.commands[0].args[2])
            outdated = int(state[b"revision"]) != began + 1
            return replace(self.replaced_by("", 0), outdated=self.outdated or outdated)
        if name == "fall_back":
            return replace(self, fell_back=True)
        if name == "summary_set" and result:
            meant, _, first, _, text, *_ = operation.commands[0].args
            assert isinstance(text, bytes)  # who put it there knew of the messages that had left the list
            strayed = str(meant).encode() != self.epoch
            return replace(self.replaced_by(text.decode(), int(first)), strayed=strayed)
        if name == "session_forget" and isinstance(result, Removed):
            strayed = str(operation.commands[0].args[0]).encode() != self.epoch
            fell_back = self.fell_back or b"covered" in state
            return replace(self, said=replaced(self.said or (), operation), fell_back=fell_back, strayed=strayed)
        if name not in ("session_append", "post") or not isinstance(result, AppendResult):
            return self
        args = operation.commands[0].args[_POST_HEAD if name == "post" else 0 :]
        known = {each.first_text for each in self.said or ()}
        given = [decoded(each) for each in args[_HEAD:] if isinstance(each, bytes) and each.startswith(b"{")]
        new = (Utterance(each.text, int(args[1]), each.type == "tool") for each in given if each.text not in known)
        epoch = state.get(b"epoch") if self.said is None else self.epoch
        ledger = replace(self, said=(*(self.said or ()), *new), epoch=epoch)
        _, replaces, summary, *_ = operation.commands[0].args if name == "post" else ("", 0, "")
        if replaces and args[2] != self.replaced:
            assert isinstance(summary, bytes)
            ledger = replace(ledger.replaced_by(summary.decode(), int(state.get(b"first", 0))), replaced=args[2])
        return ledger

    def replaced_by(self, text: str, since: int) -> Ledger:
        """Take note that a text took the place of the summary, when so many messages were summarized."""
        context = (text, since)
        return replace(self, context=context, contexts=self.contexts | {context}, fell_back=False)

    def begin_of(self, covered: list[str]) -> tuple[str, int]:
        """Return the context that a summary began with."""
        if not self.fell_back:
            return self.context
        return max(
            (each for each in self.contexts if each[0] in covered[:1]), default=("", 0), key=lambda each: each[1]
        )

    def forgot(self, texts: frozenset[str]) -> Ledger:
        """Note that the caller got the reply that messages are forgotten."""
        return replace(self, forgotten=self.forgotten | texts)

    def found_nothing(self, texts: list[str]) -> Ledger:
        """Take note that a summarizer found nothing in messages."""
        return replace(self, nothing=self.nothing | set(texts))
