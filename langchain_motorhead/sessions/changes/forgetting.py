"""Forgetting and editing messages, as flows: find them, and replace them with all that was made of them in one step.

A message is looked for in the archive and the list, which are read part by part. Then one script replaces it wherever
it is stored, removes its documents from the search index and the vectors that were made with its text, and drops the
summaries that it was used for. The session goes on from the newest summary before it. If the session changed since it
was read, the script does nothing, and the messages are looked for again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from langchain_core.messages import BaseMessage

from langchain_motorhead.exceptions import InvalidInputError, InvalidMessageError, StoreError, UnknownMessageError
from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.messages.codec import decode
from langchain_motorhead.messages.content_digest import content_digest
from langchain_motorhead.messages.ids import (
    FORGOTTEN_CONTENT,
    UNKNOWN_CONTENT,
    derived_id,
    derived_number,
    mark,
    state_id,
)
from langchain_motorhead.sessions.append import AppendConfig
from langchain_motorhead.sessions.archive.scan import Scan, scan
from langchain_motorhead.sessions.changes import operations
from langchain_motorhead.sessions.changes.operations import Identity, Knowledge, Removed, Replacement
from langchain_motorhead.sessions.changes.replacing import Search, Target
from langchain_motorhead.storage.keys import SessionKeys, check_user

MAX_MESSAGES = 1_000
"""Messages that are forgotten at once, at most: they are replaced in one step, which must be short."""
# How often messages are looked for again if the session changed meanwhile.
_MAX_ATTEMPTS = 20
_DOCUMENTS_PAGE = 500
_SHOWN_IDS = 3
_GONE = b""
"""Stands for the record of a message that is stored nowhere, as with `archive=False`."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What `Session.forget` or `Session.edit` removed, and where.

    Attributes:
        messages: Sequence numbers of the messages. They include the results of forgotten tool calls.
        ids: Ids of the messages, in the same order. A message that was stored without an id has its permanent id.
        in_list: How many of the messages were in the session's list.
        in_archive: How many of them were in its archive.
        documents: How many documents were removed from the search index. A long message has several.
        vectors: How many vectors of other messages were removed because they were made with the text of these messages.
            They are made again.
        summaries: How many summaries were dropped because they were made with the messages. What they said of other
            messages is summarized again.
    """

    messages: tuple[int, ...] = ()
    ids: tuple[str, ...] = ()
    in_list: int = 0
    in_archive: int = 0
    documents: int = 0
    vectors: int = 0
    summaries: int = 0


@dataclass(slots=True)
class _Plan:
    """What is to be replaced in a session that was looked through.

    Attributes:
        seen: The session as it was.
        scan: What is to be replaced, and where.
        search: The search that found it.
        unfound: Ids and sequence numbers that were not found as messages, with what the session knows of them.
        elsewhere: Ids of messages that are stored nowhere, with their sequence numbers if these are known.
    """

    seen: Identity
    scan: Scan
    search: Search
    unfound: dict[str | int, Knowledge] = field(default_factory=dict)
    elsewhere: dict[str, int | None] = field(default_factory=dict)


def forget(keys: SessionKeys, which: Sequence[str | int], config: AppendConfig) -> Flow[Receipt]:
    """Forget messages: all of them, or none if an error is raised.

    Args:
        keys: Keys of the session.
        which: Ids or sequence numbers of the messages. Those that were forgotten before are left out.
        config: How messages are appended.

    Raises:
        InvalidInputError: The session belongs to another user, or there are too many messages.
        UnknownMessageError: The session never had one of them.
        StoreError: One is in a part of the archive that cannot be read, or the session kept changing.
    """
    given = check_ids(which)
    for _ in range(_MAX_ATTEMPTS):
        plan = yield from _find(keys, given, None)
        if plan is None:
            continue
        yield from _locate(keys, plan)
        targets = [
            *plan.search.found,
            *(Target(seq, id_, _GONE, _GONE) for id_, seq in plan.elsewhere.items() if seq is not None),
        ]
        if not targets and not plan.elsewhere:
            return Receipt()
        targets.sort(key=lambda target: target.seq)
        since = 0 if None in plan.elsewhere.values() else targets[0].seq
        names = {name for each in targets for name in (each.id, derived_id(plan.seen.epoch, each.seq)) if name}
        marks = b"".join(mark(name, FORGOTTEN_CONTENT) for name in sorted(names | set(plan.elsewhere)))
        receipt = yield from _replace(keys, plan, targets, marks, since, config, again=False)
        if receipt is not None:
            return receipt
    raise StoreError(f"session {keys.session_id!r} kept changing, so nothing was forgotten. Try again")


def edit(
    keys: SessionKeys,
    which: str | int,
    change: Callable[[bytes, int, str | None], bytes],
    config: AppendConfig,
    state: BaseMessage | None = None,
) -> Flow[Receipt]:
    """Replace a message by another one, at its place and under its id.

    Args:
        keys: Keys of the session.
        which: Id or sequence number of the message.
        change: Returns the new record. It is given the stored one, its sequence number, and the session's epoch.
        config: How messages are appended.
        state: The message as an agent's state has it, so that `find_altered` notices when it is changed there again.

    Raises:
        InvalidInputError: The session belongs to another user, the message was forgotten, its words are not kept, or
            several messages have the id.
        UnknownMessageError: The session never had the message.
        InvalidMessageError: The new message cannot take its place.
        StoreError: It is in a part of the archive that cannot be read, or the session kept changing.
    """
    given = check_ids([which])
    for _ in range(_MAX_ATTEMPTS):
        plan = yield from _find(keys, given, change)
        if plan is None:
            continue
        for name, knowledge in plan.unfound.items():
            why = "was forgotten" if knowledge is Knowledge.FORGOTTEN else "is not kept word for word"
            raise InvalidInputError(f"message {name!r} {why}, so it cannot be edited")
        found = plan.search.found
        if len(found) > 1:
            numbers = " or ".join(str(each.seq) for each in found[:_SHOWN_IDS])
            raise InvalidInputError(f"several messages have the id {which!r}. Give a sequence number: {numbers}")
        if not found:  # it is what it should become
            return Receipt()
        # Neither what it said nor what it says now is another message.
        marks = b"" if found[0].id is None else mark(found[0].id, UNKNOWN_CONTENT)
        if found[0].id is not None and state is not None:
            marks += mark(state_id(found[0].id), content_digest(state))
        receipt = yield from _replace(keys, plan, found, marks, found[0].seq, config, again=True)
        if receipt is not None:
            return receipt
    raise StoreError(f"session {keys.session_id!r} kept changing, so nothing was edited. Try again")


def check_ids(which: Sequence[str | int]) -> list[str | int]:
    """Return the ids and sequence numbers by which messages are given, each once.

    Raises:
        InvalidInputError: It is no list of them, or they are too many.
    """
    if isinstance(which, str | bytes) or not hasattr(which, "__iter__"):
        raise InvalidInputError("give a list of message ids, such as [message.id]")
    listed = list(which)
    for each in listed:
        if isinstance(each, bool) or not isinstance(each, str | int) or each == "" or (type(each) is int and each < 0):
            raise InvalidInputError(f"a message is given by its id or its sequence number, not by {each!r:.80}")
    given = list(dict.fromkeys(listed))
    if len(given) > MAX_MESSAGES:
        raise InvalidInputError(
            f"{len(given)} messages are too many at once. Forget at most {MAX_MESSAGES} with one call"
        )
    return given


def _find(
    keys: SessionKeys, given: Sequence[str | int], change: Callable[[bytes, int, str | None], bytes] | None
) -> Flow[_Plan | None]:
    """Look for messages in the whole session. Returns None if it was deleted meanwhile.

    Raises:
        InvalidInputError: The session belongs to another user.
        UnknownMessageError: The session never had one of them.
        StoreError: One is in a part of the archive that cannot be read.
    """
    seen: Identity = yield operations.identify(keys)
    check_user(keys, seen.user)
    numbers = {each: each if isinstance(each, int) else derived_number(seen.epoch, each) for each in given}
    seqs = frozenset(number for number in numbers.values() if number is not None)
    epoch = seen.epoch
    replace = None if change is None else lambda data, seq: change(data, seq, epoch)
    search = Search(frozenset(each for each in given if isinstance(each, str)), seqs, replace)
    found = (yield from scan(keys, seen.epoch, search.look_at)) if seen.epoch is not None else Scan()
    if found is None:
        return None
    plan = _Plan(seen, found, search)
    rest = [each for each in given if each not in search.ids_found and numbers[each] not in search.seqs_found]
    if not rest:
        return plan
    names = [each if isinstance(each, str) else derived_id(seen.epoch, each) for each in rest]
    known: list[Knowledge] = yield operations.find_known(keys, names)
    unknown = []
    for each, knowledge in zip(rest, known, strict=True):
        number = numbers[each]
        if knowledge is Knowledge.UNKNOWN or (number is not None and number >= found.total):
            unknown.append(each)
        elif knowledge is Knowledge.KNOWN and found.may_hide(number):
            raise StoreError(
                f"message {each!r:.80} of session {keys.session_id!r} may be in a part of its archive that cannot be "
                "read. Nothing was changed. Delete the session to remove it"
            )
        plan.unfound[each] = knowledge
    if unknown:
        shown = ", ".join(f"{each!r:.80}" for each in unknown[:_SHOWN_IDS]) + (", ..." if unknown[_SHOWN_IDS:] else "")
        raise UnknownMessageError(f"session {keys.session_id!r} never had {shown}. Nothing was changed")
    return plan


def _locate(keys: SessionKeys, plan: _Plan) -> Flow[None]:
    """Find the sequence numbers of messages that are stored nowhere, as far as their documents tell them."""
    epoch = plan.seen.epoch
    lost = [each for each, knowledge in plan.unfound.items() if knowledge is Knowledge.KNOWN]
    for each in lost:
        number = each if isinstance(each, int) else derived_number(epoch, each)
        plan.elsewhere[each if isinstance(each, str) else derived_id(epoch, each)] = number
    left = {id_ for id_, number in plan.elsewhere.items() if number is None}
    for start in range(0, plan.seen.first, _DOCUMENTS_PAGE):
        if not left:
            return
        ids: list[str | None] = yield operations.read_document_ids(
            keys, start, min(start + _DOCUMENTS_PAGE, plan.seen.first)
        )
        for seq, id_ in enumerate(ids, start):
            if id_ in left:
                plan.elsewhere[str(id_)] = seq
                left.discard(id_)


def _replace(
    keys: SessionKeys,
    plan: _Plan,
    targets: Sequence[Target],
    marks: bytes,
    since: int,
    config: AppendConfig,
    *,
    again: bool,
) -> Flow[Receipt | None]:
    """Replace messages. Returns None if the session changed meanwhile."""
    listed = {seq for seq, _ in plan.scan.records}
    replaced = [each for each in targets if each.seq in listed]
    change = Replacement(
        seqs=tuple(each.seq for each in targets),
        records=tuple(plan.scan.records),
        chunks=tuple(plan.scan.chunks),
        marks=marks,
        size=sum(_size(each.new, config) - _size(each.old, config) for each in replaced) if config.counted else None,
        forgotten=0 if again else max(1, len(targets)),
        again=again,
        since=since,
        total=plan.scan.total if plan.elsewhere else None,
        missing=tuple(plan.elsewhere),
    )
    removed: Removed | None = yield operations.replace_messages(keys, plan.seen, change)
    if removed is None:
        return None
    return Receipt(
        messages=change.seqs,
        ids=tuple(each.id or derived_id(plan.seen.epoch, each.seq) for each in targets),
        in_list=len(listed),
        in_archive=sum(each.old is not _GONE and each.seq not in listed for each in targets),
        documents=removed.documents,
        vectors=removed.vectors,
        summaries=removed.summaries,
    )


def _size(data: bytes, config: AppendConfig) -> int:
    try:
        return config.count([decode(data)])
    except InvalidMessageError:  # a tombstone, or what another program wrote
        return 0
