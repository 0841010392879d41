"""What has to hold of a session after every step, whoever did what: checked on its raw keys.

A ledger is told of every operation that Redis executed, and says what should be there. It knows what operations mean,
and nothing of how scripts and flows come to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from langchain_core.messages import BaseMessage

from langchain_motorhead import Memory
from langchain_motorhead.flows.protocol import Summarize
from langchain_motorhead.messages.codec import decode
from langchain_motorhead.messages.tombstones import TOMBSTONE
from langchain_motorhead.recall.indexing.remaking import parse_ranges
from langchain_motorhead.sessions.archive.transcript import GapReason, Transcript, to_datetime
from langchain_motorhead.sessions.changes.operations import Removed
from langchain_motorhead.sessions.compaction.withheld import split_withheld
from langchain_motorhead.sessions.operations import AppendResult
from langchain_motorhead.sessions.summaries.origin import REJECTED_PREFIX, Author
from langchain_motorhead.storage.keys import SessionKeys, recall_key
from langchain_motorhead.storage.operation import Operation
from langchain_motorhead.storage.scripts import SCRIPTS, Script
from simulation.archives import Violation, archive_of, check_archive, check_times, must
from simulation.forgetting import Utterance, check_nothing_is_left, replaced, text_of, texts
from simulation.summary_versions import check_versions
from support.fall_back import FALL_BACK
from support.messages import orphans
from support.summarizers import SEPARATOR, remembered

Keys = Mapping[bytes, Any]
# The same few records are looked at again and again.
_decoded = lru_cache(maxsize=10_000)(decode)
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
        given = [_decoded(each) for each in args[_HEAD:] if isinstance(each, bytes) and each.startswith(b"{")]
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


@dataclass(frozen=True)
class Invariants:
    """What has to hold of one session.

    Args:
        keys: Where it is.
        recall: Whether nothing may leave the list before it is indexed.
        counted: Tokens of each message in the list, where they are counted.
        archived: Whether what leaves the list is archived.
    """

    keys: SessionKeys
    recall: bool
    counted: int | None = None
    archived: bool = True

    def check(self, ledger: Ledger, keys: Keys) -> None:
        """Check all of them on what Redis holds.

        Raises:
            Violation: One does not hold.
        """
        there = {key: value for key, value in keys.items() if key != _described(self.keys.namespace)}
        state = self.state(there)
        if ledger.said is None:
            must(not there, "something of a session is there that is not: {}", sorted(there))
            return
        must(b"epoch" in state, "the session is gone, or has no epoch: {}", state)
        must(not ledger.outdated, "a summary of the session as it was took the place of the summary")
        must(ledger.epoch == state[b"epoch"], "the session has another epoch: {}", state[b"epoch"])
        must(not ledger.strayed, "what was meant for a session that was deleted is in another one")
        must(state[b"epoch"] not in ledger.past, "a new session has the epoch of one that was deleted")
        first = int(state.get(b"first", 0))
        records = there.get(self.keys.messages.encode(), ())
        listed = [_decoded(each) for each in records if each != TOMBSTONE]
        self._nothing_is_lost(ledger, first, list(map(text_of, records)), state)
        check_nothing_is_left(self.keys, ledger.said, ledger.forgotten, there)
        check_archive(self.keys, state, there, first if self.archived else 0)
        check_versions(self.keys, state, there)
        check_times(self.keys, [each.when for each in ledger.said], state, there)
        if self.archived:
            said = [each.text for each in ledger.said[:first]]
            found = [text_of(data) for data, _ in archive_of(self.keys, there)]
            must(found == said, "archived {}, and should have {}", found, said)
        self._no_failure_is_silent(state)
        self._no_result_is_cut_off(ledger.said, first, listed)
        self._what_is_indexed_is(ledger.said, first, state, there)
        for registry in self.keys.registries:
            must(self.keys.member in there.get(registry.encode(), {}), "it is not listed in {}", registry)
        if self.counted is not None:
            size = int(state.get(b"size", 0))
            must(size == self.counted * len(listed), "{} tokens are counted of {} messages", size, len(listed))

    def state(self, there: Keys) -> Keys:
        """Give the session's state."""
        found: Keys = there.get(self.keys.state.encode(), {})
        return found

    def _nothing_is_lost(self, ledger: Ledger, first: int, listed: list[str], state: Keys) -> None:
        """Each message is in the list or the summary, once, in order."""
        said = ledger.said or ()
        due = [each.text for each in said[first:]]
        must(listed == due, "after {} that left the list, {} are due, and {} are listed", first, due, listed)
        shown, withheld = split_withheld(state.get(b"summary", b"").decode())
        covered = shown.split(SEPARATOR) if shown else []
        context, since = ledger.begin_of(covered)
        due = [context] * bool(context) + texts(said[since : int(state.get(b"covered", first))])
        if withheld:  # what is kept from the model stands at the end
            covered, due = sorted([*covered, *withheld.replace(SEPARATOR, " ").split()]), sorted(due)
        # A summarizer that found nothing in them leaves messages out, and may be asked again.
        expected = [text for text in due if text in covered or text not in ledger.nothing]
        must(covered == expected, "the summary has {}, and should have {}", covered, expected)

    def _no_failure_is_silent(self, state: Keys) -> None:
        """An extract takes the place of a model's summary only if an answer was rejected or an input refused."""
        counted = sum(int(count) for name, count in state.items() if name.startswith(REJECTED_PREFIX.encode()))
        is_extract = state.get(b"written_by") == Author.EXTRACT.value.encode()
        must(counted or not is_extract, "an extract is the summary, and nothing is counted as rejected")

    def _no_result_is_cut_off(self, said: tuple[Utterance, ...], first: int, listed: list[BaseMessage]) -> None:
        if listed and said[first].is_result:
            raise Violation(f"the list begins with a tool result: {said[first].text}")
        must(
            not (lost := [id_ for id_ in orphans(listed) if _is_answered(id_, said)]), "results without calls: {}", lost
        )

    def _what_is_indexed_is(self, said: tuple[Utterance, ...], first: int, state: Keys, there: Keys) -> None:
        """What left the list is indexed; and what counts as indexed is, with its text, time, and user."""
        if not self.recall:
            return
        indexed = int(state.get(b"indexed", 0))
        must(first <= indexed <= len(said), "{} of {} are indexed, and {} summarized", indexed, len(said), first)
        prefix = self.keys.documents.encode()
        documents = {int(key[len(prefix) :]): value for key, value in there.items() if key.startswith(prefix)}
        made_again = _in_ranges(state.get(b"remake", b"").decode())
        due = {at: each.text for at, each in enumerate(said[:indexed]) if each.text and not each.is_result}
        due = {at: text for at, text in due.items() if at not in made_again or at in documents}
        found = {at: fields[b"text"].decode() for at, fields in documents.items()}
        must(found == due, "documents of {}, and there should be of {}", found, due)
        for at, fields in documents.items():
            must(fields[b"epoch"] == state[b"epoch"], "document {} is of another session", at)
            when = f"{said[at].when // 1_000_000}.{said[at].when % 1_000_000:06d}".encode()
            must(fields[b"created"] == when, "document {} was said at {}", at, fields[b"created"])
            owned = state.get(b"owned") == b"1" or at < int(state.get(b"owning", 0))
            must(not owned or b"user" in fields, "document {} is not found by user", at)
            must(b"user" in state or b"user" not in fields, "document {} has a user, and the session has none", at)
        noted = {int(each.partition(b":")[0]) for each in state.get(b"vectorless", b"").split()}
        lacking = {at for at, fields in documents.items() if b"vector" not in fields}
        coming = {at for at in documents if at >= int(state.get(b"embedded", indexed))}
        must(lacking <= coming | noted, "documents {} lack vectors, which is not noted", lacking - coming - noted)
        must(not noted & coming, "documents {} are noted twice as lacking vectors", noted & coming)

    def check_lease(self, who: frozenset[bytes], before: Keys, after: Keys, holders: frozenset[bytes]) -> None:
        """Nobody may take, end or turn into a pause the lease of another who is at work.

        Args:
            who: Tokens of whoever took the step.
            before: Keys before the step.
            after: Keys after it.
            holders: Tokens of those at work.
        """
        for name in (self.keys.lease.encode(), self.keys.indexing.encode(), self.keys.rebuilding.encode()):
            held, now = before.get(name, b"").removesuffix(b"!"), after.get(name, b"").removesuffix(b"!")
            must(held == now or held in who or held not in holders, "the lease of {} went to {}", held, now or None)

    def check_request(self, ledger: Ledger, request: Summarize) -> None:
        """What a summarizer is given follows on what the summary that it is given covers, while that is current."""
        said = texts(ledger.said or ())
        given = [str(message.content) for message in request.given["messages"]]
        before = (request.given["summary"] or "").split(SEPARATOR)[-1]
        if not set(given) <= set(said):
            return  # of a session that was deleted since, or with messages that were forgotten since
        start = said.index(given[0])
        must(said[start : start + len(given)] == given, "{} is to be summarized, out of order", given)
        if before in said:
            left_out = [text for text in said[said.index(before) + 1 : start] if text not in ledger.nothing]
            must(not left_out and said.index(before) < start, "{} is to follow on {}", given, before)

    def check_memory(self, ledger: Ledger, memory: Memory) -> None:
        """Check that a reader is given all that was said, and no result whose call it is not given."""
        said = ledger.said or ()
        known = remembered(memory)
        context, since = ledger.begin_of(known)
        due = [context] * bool(context) + texts(said[since:])
        if memory.gap is not None:
            must(ledger.fell_back, "messages {} are missing in what was read", memory.gap)
            due = [text for text in due if text not in texts(said[memory.gap.start : memory.gap.stop])]
        must(known == [t for t in due if t in known or t not in ledger.nothing], "read {}, should be {}", known, due)
        must(memory.total == len(said), "read of {} messages, not of {}", memory.total, len(said))

    def check_transcript(self, ledger: Ledger, transcript: Transcript) -> None:
        """Check that a transcript has every message that there was when it began, once, with number and time."""
        if ledger.epoch is None or transcript.epoch != ledger.epoch.decode():
            return  # of a session that is not there any more
        said = (ledger.said or ())[: transcript.total]
        found = {each.seq: (each.message.text, each.time) for each in transcript}
        missing = {seq for gap in transcript.gaps for seq in range(gap.first, gap.last + 1)}
        must(all(gap.reason is GapReason.FORGOTTEN for gap in transcript.gaps), "gaps of {}", transcript.gaps)
        must([each.seq for each in transcript] == sorted(found), "the order is {}", list(found))
        for at, each in enumerate(said):  # of what was forgotten meanwhile, an earlier page may have the text
            time = to_datetime(each.when)
            if at in missing:
                must(at not in found and not each.text, "{} is missing in a transcript", each)
            else:
                must(
                    found.get(at) in [(text, time) for text in (each.text, *each.was)], "{} for {}", found.get(at), each
                )


@lru_cache
def _described(namespace: str) -> bytes:
    return recall_key(namespace).encode()


def _in_ranges(note: str) -> set[int]:
    return {seq for first, last in parse_ranges(note) for seq in range(first, last + 1)}


def _is_answered(id_: str, said: tuple[Utterance, ...]) -> bool:
    return any((each.is_result or each.was) and each.first_text.endswith(f" {id_}") for each in said)
