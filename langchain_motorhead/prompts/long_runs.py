"""Long runs: the oldest results of tools become stubs, many at once, so that a provider's cache is seldom lost. Pure.

What is shown of a result follows from the messages of the run alone: the steps are gone through from the first one, and
each gets the form that it got when it was new. So the same run is shown the same way in every call of the model, and in
another process that resumes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

from langchain_motorhead.prompts.counting import PromptCounter
from langchain_motorhead.prompts.results import ResultRef, least, result_refs, shortened, stub

CALLS_BETWEEN_CHANGES = 12
"""How many calls of the model share one beginning of the prompt: more than ten, as a resumed run adds a change."""
# Share of the limit that is used right after a change, if stubs are short enough for that. The rest is for the steps
# until the next change. If more than the second share is used, stubs are cut down to how the result is read.
_STUBS_SHARE, _LEAST_SHARE = 0.25, 0.6


class ShownRun:
    """A run as the model is shown it, step by step.

    A new result gets a share of the room that is left, by how many calls are to come before the next change. What does
    not fit in it is left out of its middle. When the room is used up, the oldest results are replaced by stubs until a
    quarter of the limit is used, as far as stubs allow. Other messages stay as they are.

    Args:
        limit: Most tokens of what is shown. It is exceeded only if messages other than results exceed it.
        count: Counts tokens.

    Attributes:
        limit: The limit.
        used: How many tokens the messages have as they are shown.
        changes: How often an earlier message was replaced, from the first call of the model on.
    """

    def __init__(self, limit: int, count: PromptCounter) -> None:
        self.limit = limit
        self.used = self.changes = 0
        self._count = count
        self._calls = 0  # since the last change
        self._given: list[BaseMessage] = []
        self._shown: list[BaseMessage] = []
        self._refs: dict[int, ResultRef] = {}
        self._seen: list[int] = []  # where the results are that the model was shown

    def show(self, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
        """Return the messages of the run, as many as there are, in the form in which they are shown.

        Args:
            messages: The messages of the run so far, oldest first.
        """
        known = len(self._given)
        is_longer = len(messages) >= known and all(map(_is_same, self._given, messages))
        if not is_longer or (0 < known < len(messages) and not _begins_step(messages, known)):
            self._begin()
            known = 0
        self._given, self._shown = list(messages), [*self._shown, *messages[known:]]
        self._refs = result_refs(self._given)
        for step in _steps(messages):
            if step.start >= known:
                self._add(step)
        return list(self._shown)

    def _begin(self) -> None:
        self.used = self.changes = self._calls = 0
        self._given, self._shown, self._refs, self._seen = [], [], {}, []

    def _add(self, step: range) -> None:
        """Decide how a step is shown when it is new, and whether earlier ones change."""
        self._calls += 1
        tokens = self._tokens(step)
        room = self._room()
        if tokens > room and self._calls > CALLS_BETWEEN_CHANGES and self._change():
            room = self._room()
        if tokens > room:
            tokens = self._shorten(step, room)
        self.used += tokens
        self._seen += [at for at in step if at in self._refs]
        if self.used > self.limit:
            self._change()

    def _tokens(self, positions: Iterable[int]) -> int:
        return self._count(self._shown[at] for at in positions)

    def _room(self) -> int:
        """Return how many tokens the newest step may have, so that as many are left for those to come."""
        return max(0, self.limit - self.used) // max(1, CALLS_BETWEEN_CHANGES + 1 - self._calls)

    def _shorten(self, step: range, room: int) -> int:
        """Show the results of a step within a room, as far as that is possible. Return how many tokens it has then."""
        results = sorted((at for at in step if at in self._refs), key=lambda at: self._count.one(self._given[at]))
        left = room - self._tokens(at for at in step if at not in self._refs)
        for done, at in enumerate(results):
            share = max(0, left) // (len(results) - done)
            self._shown[at] = shortened(self._result(at), self._refs[at], share, self._count)
            left -= self._count.one(self._shown[at])
        return self._tokens(step)

    def _change(self) -> bool:
        """Replace the oldest results by stubs until enough room is free. Return whether one was replaced."""
        before = self.used
        for form, share in ((self._stub, _STUBS_SHARE), (self._least, _LEAST_SHARE)):
            for at in self._seen:
                if self.used <= self.limit * share:
                    break
                saved = self._count.one(self._shown[at]) - self._count.one(replaced := form(at))
                if saved > 0:
                    self._shown[at], self.used = replaced, self.used - saved
        if self.used < before:
            self.changes, self._calls = self.changes + 1, 0
        return self.used < before

    def _stub(self, at: int) -> ToolMessage:
        message = self._result(at)
        return stub(message, self._refs[at], self._count.one(message))

    def _least(self, at: int) -> ToolMessage:
        return least(self._result(at), self._refs[at])

    def _result(self, at: int) -> ToolMessage:
        message = self._given[at]
        assert isinstance(message, ToolMessage)  # noqa: S101 - `result_refs` has results only
        return message


def _steps(messages: Sequence[BaseMessage]) -> list[range]:
    """Return where the steps of a run are: each is what is new to the model in a call of it."""
    starts = [at for at, message in enumerate(messages) if at == 0 or _begins_step(messages, at)]
    return [range(start, stop) for start, stop in zip(starts, [*starts[1:], len(messages)], strict=True)]


def _begins_step(messages: Sequence[BaseMessage], at: int) -> bool:
    return isinstance(messages[at], AIMessage) and not isinstance(messages[at - 1], AIMessage)


def _is_same(one: BaseMessage, other: BaseMessage) -> bool:
    return one is other or (one.id == other.id and one.content == other.content)
