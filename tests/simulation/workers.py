"""Who is at work in a simulation: workers whose flows are those of the package, with nothing random in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage

from langchain_motorhead import Archive, Memory, Recall, StoreUnavailableError, Window
from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.messages.codec import encode
from langchain_motorhead.messages.ids import mark
from langchain_motorhead.recall.indexing import descriptions as recall_operations
from langchain_motorhead.recall.indexing.flow import index, index_words
from langchain_motorhead.recall.indexing.index import Indexer
from langchain_motorhead.server import groups as posting
from langchain_motorhead.sessions import operations
from langchain_motorhead.sessions.append import AppendConfig
from langchain_motorhead.sessions.archive.transcript import Transcript, join_pages, read_page
from langchain_motorhead.sessions.changes.edits import changed_to
from langchain_motorhead.sessions.changes.forgetting import edit, forget
from langchain_motorhead.sessions.compaction import flow as compaction
from langchain_motorhead.sessions.compaction.flow import Compactor
from langchain_motorhead.sessions.compaction.writing import Writing
from langchain_motorhead.sessions.load import load, read_window, to_memory
from langchain_motorhead.sessions.operations import AppendResult, Dedup, Record
from langchain_motorhead.sessions.registry import delete_session
from langchain_motorhead.sessions.summaries.rebuilding import Rebuilder, rebuild
from langchain_motorhead.sessions.summaries.setting import set_summary
from langchain_motorhead.storage.keys import SessionKeys, session_keys
from langchain_motorhead.storage.operation import Operation, TornReadError
from simulation.invariants import Invariants
from simulation.progress import Worker
from simulation.simulation import Simulation, Store
from support.fall_back import fall_back

# Tokens of any message.
SIZE = 5


def count(messages: Sequence[BaseMessage]) -> int:
    """Count tokens."""
    return SIZE * len(messages)


def named(*texts: str) -> list[BaseMessage]:
    """Make messages with these texts, which are their ids, too."""
    return [HumanMessage(text, id=text) for text in texts]


class _Slicing(Indexer):
    """An indexer whose scripts store fewer documents."""

    size = 100

    @property
    def at_once(self) -> int:
        """How many documents one script stores."""
        return self.size


class Cast:
    """Makes workers on one session.

    Args:
        namespace: Where the session is.
        window: Its bounds. Where they are of tokens, tokens are counted.
        recall: Whether it is indexed.
        budget: Messages that are summarized at once.
        checked: Whether the model's answers are checked, and it may answer badly.
        at_once: How many documents one script stores.
    """

    def __init__(
        self,
        namespace: str,
        window: Window,
        *,
        recall: bool = False,
        budget: int = 100,
        checked: bool = False,
        at_once: int = 100,
    ) -> None:
        self.keys = session_keys(namespace, "s")
        self.window = window
        self.recall = recall
        self.checked = checked
        self.at_once = at_once
        self.compactor = Compactor(window, Writing(budget * SIZE, count), recall, Archive())
        self.appended = 0

    def simulation(self, store: Store) -> Simulation:
        """Begin a simulation, with the index of the namespace described where it is needed."""
        if self.recall:
            indexer = self._indexer()
            store.run(recall_operations.establish(indexer.namespace, indexer.describe(2)))
        counted = None if self.window.max_tokens is None else SIZE
        return Simulation(store, Invariants(self.keys, self.recall, counted), checked=self.checked)

    def appender(self, name: str, *batches: Sequence[BaseMessage], user: str | None = None) -> Worker:
        """Append batches of messages, each again if the answer was lost; from the second on as a user."""
        appends = [self._append(batch, user if at else None) for at, batch in enumerate(batches)]
        return Worker(name, lambda: _in_turn(appends))

    def chatting(self, name: str, *batches: Sequence[BaseMessage]) -> Worker:
        """Append a batch, compact, append another, compact, as one does in `inline` mode."""
        appends, token = [self._append(batch, None) for batch in batches], name

        def chat() -> Flow[None]:
            for append in appends:
                yield from _in_turn([append])
                yield from self._compaction(token, explicit=False)

        return self._holding(name, chat)

    def setter(self, name: str, context: str, *batch: BaseMessage) -> Worker:
        """Append messages, and replace the summary, as the wire does."""
        append = self._append(batch, None)
        plain = append.commands[0]
        args = (len(batch), 1, context.encode(), "", "", "", *plain.args)
        command = plain._replace(name=posting._POST, keys=(*plain.keys, self.keys.summaries), args=args)
        return Worker(name, lambda: _in_turn([Operation((command,), append.read)]))

    def setting_by_hand(self, name: str, text: str) -> Worker:
        """Replace the summary by a text that was not checked, as a person does."""
        return Worker(name, lambda: set_summary(self.keys, text, override=True))

    def poster(self, name: str, text: str) -> Worker:
        """Post a message without an id, and post it again with the same idempotency key, as a client does."""
        request = mark(f"key of {name}", b"abc")
        tries = [self._append([HumanMessage(text)], None) for _ in range(2)]
        posts = []
        for each in tries:
            plain = each.commands[0]
            keys = (*plain.keys[:2], self.keys.marks, *plain.keys[3:])
            args = (1, 0, b"", "", "", request, *plain.args)
            posts.append(Operation((plain._replace(name=posting._POST, keys=keys, args=args),), each.read))
        return Worker(name, lambda: _in_turn(posts))

    def compacting(self, name: str, *, explicit: bool = False) -> Worker:
        """Compact, with messages indexed by their words before, as maintenance does."""
        return self._holding(name, lambda: self._compaction(name, explicit=explicit))

    def indexing(self, name: str, *, wait: bool = False) -> Worker:
        """Index."""
        return self._holding(name, lambda: index(self.keys, name, self._indexer(), wait=wait))

    def deleting(self, name: str) -> Worker:
        """Delete the session."""
        return Worker(name, lambda: delete_session(self.keys, one_slot=True))

    def rebuilding(self, name: str) -> Worker:
        """Make the summary again."""
        rebuilder = Rebuilder(self.compactor.writing, "kind")
        return self._holding(name, lambda: rebuild(self.keys, name, rebuilder))

    def falling_back(self, name: str, seq: int) -> Worker:
        """Remove the versions of the summary that cover a message, as forgetting it does."""
        return Worker(name, lambda: _in_turn([fall_back(self.keys, seq)]))

    def forgetting(self, name: str, *which: str | int) -> Worker:
        """Forget messages."""
        texts = frozenset(each for each in which if isinstance(each, str))
        return Worker(name, lambda: forget(self.keys, which, self._append_config()), forgets=texts)

    def editing(self, name: str, which: str | int, text: str) -> Worker:
        """Replace the text of a message of a person."""
        change = changed_to(HumanMessage(text))
        return Worker(name, lambda: edit(self.keys, which, change, self._append_config()))

    def reading(self, name: str) -> Worker:
        """Read the session."""
        return Worker(name, lambda: load(self.keys, self.window))

    def reading_plainly(self, name: str) -> Worker:
        """Read the session with plain commands, each of them in a step of its own."""
        return Worker(name, lambda: _load_plainly(self.keys, self.window))

    def transcribing(self, name: str) -> Worker:
        """Read all messages of the session, two at a time."""

        def page(start: int, stop: int | None, epoch: str | None) -> Flow[Transcript]:
            return read_page(self.keys, start, stop, 2, epoch)

        return Worker(name, lambda: join_pages(page, 0, None))

    def _append_config(self) -> AppendConfig:
        counted = self.window.max_tokens is not None
        return AppendConfig(count=count, counted=counted, ttl=0, one_slot=True)

    def _holding(self, name: str, flow: Any) -> Worker:
        return Worker(name, flow, frozenset([name.encode()]))

    def _compaction(self, token: str, *, explicit: bool) -> Flow[object]:
        if self.recall:
            yield from index_words(self.keys, self._indexer())
        return (yield from compaction.compact(self.keys, token, self.compactor, explicit=explicit))

    def _indexer(self) -> Indexer:
        indexer = _Slicing(self.keys.namespace, Recall(), "m", count, ready=True)
        indexer.size = self.at_once
        return indexer

    def _append(self, batch: Sequence[BaseMessage], user: str | None) -> Operation[AppendResult | None]:
        self.appended += 1
        counted = self.window.max_tokens is not None
        return operations.append(
            session_keys(self.keys.namespace, self.keys.session_id, user),
            [Record(encode(each), each.id, SIZE if counted else None) for each in batch] or [Record(b"", None, None)],
            now=1_700_000_000_000_000 + self.appended,
            token=f"{self.appended:016x}",
            ttl=0,
            one_slot=True,
            dedup=Dedup.SKIP_KNOWN,
        )


def _in_turn(appends: Sequence[Operation[Any]]) -> Flow[None]:
    for append in appends:
        for again in (True, False):
            try:
                yield append
                break
            except StoreUnavailableError:
                if not again:
                    raise


def _load_plainly(keys: SessionKeys, window: Window) -> Flow[Memory]:
    operation, replies = read_window(keys, window), list[Any]()
    assert operation.plain is not None
    plain = operation.plain()
    for command in plain.commands:
        replies.append((yield Operation((command,), lambda found: found[0])))
    try:
        snapshot = plain.read(replies)
    except TornReadError:
        snapshot = yield operation
    return (yield from to_memory(keys, window, snapshot))
