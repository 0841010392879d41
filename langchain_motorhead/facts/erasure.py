"""Erasure, as flows: facts whose messages, session or user are deleted, and what they had superseded.

The order of the steps keeps a learner that is at work from bringing anything back:

- A session is ended here *before* it is deleted. A learner cannot commit for it any more.
- Messages are forgotten, or edited, in the session *first*, and here after that. Each call raises the version of the
  facts, so a learner that read the messages before has to read them again before it can commit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.facts.book import Book
from langchain_motorhead.facts.learning.batch import to_said
from langchain_motorhead.facts.model import Source, occurs
from langchain_motorhead.facts.operations import FactsRead, Identity, drop, exist, identify, sweep
from langchain_motorhead.facts.rewriting import rewrite
from langchain_motorhead.flows.protocol import Flow
from langchain_motorhead.sessions import registry
from langchain_motorhead.sessions.archive.transcript import read_page
from langchain_motorhead.sessions.changes.forgetting import Receipt
from langchain_motorhead.storage.keys import FactKeys, SessionKeys, fact_keys, own_fact_keys, user_fact_keys


def end_session(keys: SessionKeys) -> Flow[None]:
    """Remove what was learned from a session that is about to be deleted, and let nothing be learned from it any more.

    Facts lose their sources in the session. Those that lose the last one are removed, and what they had superseded
    holds again. The facts of a session without a user are deleted with it, by `session_delete.lua`.
    """
    known: Identity = yield identify(keys)
    if (facts := _of_user(keys, known)) is not None:
        yield from _end(facts, known.epoch or "")


def delete_session(keys: SessionKeys, *, one_slot: bool) -> Flow[bool]:
    """Delete a session with everything that belongs to it, and what was learned from it.

    Returns:
        Whether the session existed.

    Raises:
        InvalidInputError: The session belongs to another user than the one in `keys`.
    """
    known: Identity = yield identify(keys)
    facts = _of_user(keys, known)
    if facts is not None:
        yield from _end(facts, known.epoch or "")
    deleted = yield from registry.delete_session(keys, one_slot=one_slot)
    if facts is not None:
        yield sweep(facts)
    return deleted


def _of_user(keys: SessionKeys, known: Identity) -> FactKeys | None:
    """Return keys of the facts about a session's user. None if it has no user, or another than the one in `keys`."""
    if known.epoch is None or known.user is None or keys.user_id not in (None, known.user):
        return None
    return fact_keys(keys, known.user)


def _end(facts: FactKeys, epoch: str) -> Flow[None]:
    def change(book: Book, _: FactsRead) -> None:
        book.remove_sources(lambda source: source.epoch == epoch)

    yield from rewrite(facts, change, ended=epoch)


def forget_messages(keys: SessionKeys, seqs: Collection[int]) -> Flow[int]:
    """Remove what was learned from messages that were just forgotten.

    Args:
        keys: Keys of the session.
        seqs: Sequence numbers of the messages.

    Returns:
        How many facts were removed.
    """
    return (yield from _remove(keys, dict.fromkeys(seqs, "")))


def revise_messages(keys: SessionKeys, texts: Mapping[int, str]) -> Flow[int]:
    """Remove what was learned from messages that were just edited, where the quote is gone.

    Args:
        keys: Keys of the session.
        texts: The new texts of the messages, by their sequence numbers. `learn` with `again` learns them once more.

    Returns:
        How many facts were removed.
    """
    return (yield from _remove(keys, texts))


def after_forgetting(keys: SessionKeys, flow: Flow[Receipt]) -> Flow[Receipt]:
    """Forget messages by a flow, and then remove what was learned from them."""
    receipt = yield from flow
    if receipt.messages:
        yield from forget_messages(keys, receipt.messages)
    return receipt


def after_editing(
    keys: SessionKeys, flow: Flow[Receipt], note_edit: Callable[[SessionKeys, Sequence[int]], object] | None
) -> Flow[Receipt]:
    """Edit a message by a flow, and then remove what was learned from its old text.

    Args:
        keys: Keys of the session.
        flow: Edits the message.
        note_edit: Called with the sequence numbers of what was edited, to be learned once more. None to learn nothing.
    """
    receipt = yield from flow
    texts = dict[int, str]()
    for seq in receipt.messages:
        page = yield from read_page(keys, seq, seq + 1, 1, None)
        texts[seq] = to_said(page[0]).text if len(page) else ""
    if texts:
        yield from revise_messages(keys, texts)
        if note_edit is not None:
            note_edit(keys, receipt.messages)
    return receipt


def delete_user(namespace: str, user_id: str, *, one_slot: bool) -> Flow[int]:
    """Delete all sessions of a user, each with everything that belongs to it, and all facts about the user.

    The lease is deleted with the facts, so a learner that is at work cannot commit. One that begins later finds no
    session.

    Returns:
        How many sessions were deleted.

    Raises:
        InvalidInputError: The user is not a string, or is empty.
    """
    if user_id is None:  # it would mean all sessions of the namespace
        raise InvalidInputError("user_id is None. Give the user who is to be deleted")
    facts = user_fact_keys(namespace, user_id)
    has_facts = yield exist(facts)
    if has_facts:
        yield from rewrite(facts, _clear)
    count = yield from registry.delete_user(
        namespace, user_id, one_slot=one_slot, before=end_session if has_facts else None
    )
    yield drop(facts)
    return count


def _clear(book: Book, _: FactsRead) -> None:
    for fact in book:
        book.remove(fact.id)


def _remove(keys: SessionKeys, texts: Mapping[int, str]) -> Flow[int]:
    known: Identity = yield identify(keys)
    if known.epoch is None:
        return 0
    epoch = known.epoch

    def is_gone(source: Source) -> bool:
        text = texts.get(source.seq) if source.epoch == epoch else None
        return text is not None and not occurs(source.quote, text)

    def change(book: Book, _: FactsRead) -> int:
        before = sum(1 for _ in book)
        book.remove_sources(is_gone)
        return before - sum(1 for _ in book)

    owner = own_fact_keys(keys) if known.user is None else fact_keys(keys, known.user)
    if not (yield exist(owner)):  # nothing was learned, nor is being learned
        return 0
    return (yield from rewrite(owner, change, always=True))
