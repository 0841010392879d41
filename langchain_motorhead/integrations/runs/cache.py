"""The memory that is held for each current run of an agent: what was loaded, and what of the run is not stored yet.

It is held as long as the run: a run that fails, is interrupted, is handed off or is abandoned has no last hook.
"""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from langchain_core.messages import BaseMessage

from langchain_motorhead.integrations.runs.langgraph_run import output_messages
from langchain_motorhead.integrations.runs.recall import Recalled
from langchain_motorhead.prompts.layout import PromptBuilder
from langchain_motorhead.sessions.load import Memory

RunKey: TypeAlias = tuple[str, str | None]
"""Session and user of a run."""
MAX_SESSIONS_COUNT = 1_000
"""Of how many sessions a process remembers what recall found."""


@dataclass(slots=True)
class RunMemory:
    """What was loaded at the start of a run, and how much of the run is stored.

    Attributes:
        memory: The session at the start of the run.
        recalled: What recall found for the questions in the prompt.
        prompts: Builds the prompts of the run.
        stored: Id of the newest message of the run that is stored in the session.
        messages: The messages of the run's state when a hook last had it.
        results: Results of tools that are not in `messages` yet.
        output: The output of the model's node, which it gets when the node ends. Empty if it may still be changed.
        failed: Whether a tool raised, so that no later hook stores the results of those that run beside it.
        kept: Whether a checkpointer keeps the state of the run.
        handed_off: Whether a tool handed the conversation to another agent.
    """

    memory: Memory
    recalled: Recalled
    prompts: PromptBuilder
    stored: str | None
    messages: Sequence[BaseMessage] = ()
    results: list[BaseMessage] = field(default_factory=list)
    output: Sequence[tuple[str, Any]] = ()
    failed: bool = False
    kept: bool = False
    handed_off: bool = False

    def so_far(self, *, with_output: bool = False) -> list[BaseMessage]:
        """List the messages of the run so far, with what is not in its state yet."""
        output = output_messages(self.output) if with_output else []
        messages = {message.id: message for message in (*self.messages, *self.results, *output)}
        return [message for id_, message in messages.items() if id_ is not None]

    def loses(self, messages: Sequence[BaseMessage]) -> bool:
        """Return whether messages that the state had are gone, as another middleware removes them in a long run."""
        ids = {message.id for message in messages}
        return any(message.id not in ids for message in self.messages)

    def note_state(self, messages: Sequence[BaseMessage]) -> None:
        """Note the messages of the state, which has the results and the output of earlier steps."""
        self.messages, self.output = messages, ()
        known = {message.id for message in messages}
        self.results = [message for message in self.results if message.id not in known]


class RunCache:
    """The `RunMemory` of each current run, so that a run loads its session once.

    An entry is removed when the run ends, in whatever way. If the run did not come to its end, `abandoned` is called.

    Args:
        abandoned: Called with the session and what is held of a run that ended without `pop`. It must not wait.
    """

    def __init__(self, abandoned: Callable[[Any, RunMemory], Future[None] | None]) -> None:
        self._abandoned = abandoned
        self._lock = threading.RLock()
        self._runs: dict[int, tuple[weakref.ref[object], dict[RunKey, tuple[Any, RunMemory]]]] = {}
        self._storing: dict[RunKey, Future[None]] = {}

    def __len__(self) -> int:
        with self._lock:
            return len(self._runs)

    def __reduce__(self) -> Any:
        raise TypeError("a MotorheadMiddleware cannot be copied or pickled: it holds what is loaded for current runs")

    def put(self, run: object | None, session: Any, loaded: RunMemory) -> None:
        """Store what was loaded for a run. Without a run object, as outside of a graph, nothing is stored."""
        if run is None:
            return
        with self._lock:
            entry = self._runs.get(id(run))
            if entry is None:
                entry = self._runs[id(run)] = weakref.ref(run, self._on_end(id(run))), {}
            entry[1][_key(session)] = session, loaded

    def get(self, run: object | None, session: Any) -> RunMemory | None:
        """Return what was loaded for a run, or None."""
        entry = self._runs.get(id(run))
        return entry[1].get(_key(session), (None, None))[1] if entry is not None else None

    def of_run(self, run: object | None) -> list[tuple[Any, RunMemory]]:
        """List the sessions of a run with what was loaded for each."""
        entry = self._runs.get(id(run))
        return list(entry[1].values()) if entry is not None else []

    def pop(self, run: object | None, session: Any) -> RunMemory | None:
        """Remove the entry of a run, and return what was loaded for it, or None."""
        with self._lock:
            entry = self._runs.get(id(run))
            return entry[1].pop(_key(session), (None, None))[1] if entry is not None else None

    def take(self, run_id: int) -> list[tuple[Any, RunMemory]]:
        """Remove all that is held of a run that has ended, and return its sessions with what was held."""
        with self._lock:
            _, left = self._runs.pop(run_id, (None, {}))
        return list(left.values())

    def storing(self, session: Any) -> Future[None] | None:
        """Return the work that stores an abandoned run of a session, if it is under way. It never raises."""
        return self._storing.get(_key(session))

    def _on_end(self, id_: int) -> Callable[[Any], None]:
        cache = weakref.ref(self)

        def ended(_: Any) -> None:
            if (this := cache()) is not None:
                this._end(id_)

        return ended

    def _end(self, id_: int) -> None:
        for session, loaded in self.take(id_):
            work, key = self._abandoned(session, loaded), _key(session)
            if work is not None:
                self._storing[key] = work
                work.add_done_callback(lambda done, key=key: self._stored(key, done))  # type: ignore[misc]

    def _stored(self, key: RunKey, work: Future[None]) -> None:
        with self._lock:
            if self._storing.get(key) is work:
                del self._storing[key]


class PinCache:
    """What recall found in the newest sessions, by ids: for agents without a checkpointer, whose state is not kept."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pins: OrderedDict[RunKey, dict[str, list[list[Any]]]] = OrderedDict()

    def of(self, run: Any) -> Any:
        """Return what recall found for the questions of a run's session: as its state has it, else as it is here."""
        with self._lock:
            return run.recalled or self._pins.get(_key(run.session))

    def keep(self, run: Any, recalled: Recalled) -> None:
        """Keep what recall found for a run."""
        if not recalled.pins:
            return
        with self._lock:
            self._pins[_key(run.session)] = recalled.pins
            self._pins.move_to_end(_key(run.session))
            if len(self._pins) > MAX_SESSIONS_COUNT:
                self._pins.popitem(last=False)


def _key(session: Any) -> RunKey:
    return session.session_id, session.user_id
