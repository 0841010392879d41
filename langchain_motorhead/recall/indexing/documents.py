"""Recall documents: which messages are indexed, and what a document of the index contains. Pure.

A message becomes one document, and a long message several. A document has the text, the terms for the search by words,
and the text that is embedded. That text includes the two messages before, since a message of a dialogue often means
little alone. This choice, and the ranking in `recall/search/ranking.py`, were measured: see
docs/pages/guides/recall.md.

This module knows messages and options. It knows nothing of Redis or of models.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from langchain_core.messages import BaseMessage, ChatMessage, HumanMessage

from langchain_motorhead.messages.text import split_message, without_data, without_surrogates
from langchain_motorhead.messages.tokens import TokenCounter
from langchain_motorhead.recall.config import Recall
from langchain_motorhead.recall.words.standing import mark
from langchain_motorhead.recall.words.terms import terms

CONTEXT = 2
"""How many earlier messages are embedded with a message."""
CONTEXT_REACH = 8
"""How many earlier messages are read to find them, since some, such as tool results, are not indexed."""

_LABELS = {"human": "Human", "ai": "AI", "system": "System", "tool": "Tool", "function": "Function"}
# A longer name is cut.
_MAX_NAME_CHARS = 64
# Average length of a token in a text.
_CHARS_PER_TOKEN = 3


class Utterance(NamedTuple):
    """What a message says, and the name or role of its speaker."""

    label: str
    name: str | None
    text: str

    @property
    def line(self) -> str:
        """The utterance as a line of a transcript."""
        return f"{self.label}: {self.text}"


class DocumentDraft(NamedTuple):
    """A document before it is embedded: one message, or a piece of a long one.

    Attributes:
        seq: Sequence number of the message.
        piece: Number of the piece, from 0.
        pieces: How many pieces the message has.
        role: LangChain's type of the message, or the role of a `ChatMessage`.
        name: Name of the speaker, or None.
        id: Id of the message, or None.
        text: The text.
        terms: Terms for the search by words.
        line: The text after the name of its speaker.
        embedded: The text to embed: the line, and the messages before it.
        sent: The role that a REST client wrote, if this package would have written another.
    """

    seq: int
    piece: int
    pieces: int
    role: str
    name: str | None
    id: str | None
    text: str
    terms: str
    line: str
    embedded: str
    sent: str | None = None


def to_utterance(message: BaseMessage | None, recall: Recall) -> Utterance | None:
    """Return what a message says, or None if it is not indexed."""
    if message is None or message.type not in recall.roles:
        return None
    # The property `text` also handles lists of blocks, which few messages have.
    text = without_surrogates(message.content if isinstance(message.content, str) else str(message.text)).strip()
    text = without_data(text)
    if not text:
        return None
    name = message.role if isinstance(message, ChatMessage) else message.name
    name = name and without_surrogates(name)
    return Utterance((name or "")[:_MAX_NAME_CHARS] or _LABELS.get(message.type, message.type), name, text)


def stored_utterance(name: str, role: str, text: str) -> Utterance:
    """Return what a stored document says."""
    return Utterance(name or _LABELS.get(role, role), name or None, text)


def to_drafts(
    messages: Sequence[BaseMessage | None],
    start: int,
    before: Sequence[Utterance],
    recall: Recall,
    count: TokenCounter,
    sent: Mapping[int, str] = MappingProxyType({}),
) -> list[list[DocumentDraft]]:
    """Return the documents of consecutive messages.

    Args:
        messages: The messages, with None for one that cannot be read.
        start: Sequence number of the first message.
        before: What was said before the first message, oldest first.
        recall: How to index.
        count: Returns the number of tokens of messages.
        sent: Roles that REST clients wrote, by sequence number, if this package would have written others.

    Returns:
        For each message a list of its documents, which is empty if it is not indexed.
    """
    context = list(before)
    made = list[list[DocumentDraft]]()
    for seq, message in enumerate(messages, start):
        this = to_utterance(message, recall)
        if message is None or this is None:
            made.append([])
            continue
        role = without_surrogates(sent[seq]) if seq in sent else None
        made.append([each._replace(sent=role) for each in _pieces(message, this, seq, context, recall, count)])
        context.append(this)
    return made


def document_terms(name: str | None, text: str, role: str, recall: Recall) -> str:
    """Return the terms of a document: those of its speaker's name and its text, and its mark if it has one."""
    found = terms(f"{name or ''} {text}", recall.language)
    return " ".join(filter(None, (*found, mark(text, role))))


def embedded(line: str, context: Sequence[Utterance], recall: Recall) -> str:
    """Return the text to embed for a line: the line, and as much of the earlier utterances as fits, latest first.

    The length is estimated. A model with a smaller limit cuts off the end, which is the oldest part.
    """
    earlier = "\n".join([each.line for each in reversed(context[-CONTEXT:])])
    room = recall.max_input_tokens * _CHARS_PER_TOKEN - len(line)
    if len(earlier) > room:
        earlier = earlier[: max(0, room)].rpartition(" ")[0]
    return f"{line}\n{earlier}" if earlier else line


def _join_blank(texts: Iterable[str]) -> list[str]:
    """Return the texts, with each blank one appended to the text before it."""
    pieces: list[str] = []
    for text in texts:
        if pieces and not text.strip():
            pieces[-1] += text
        else:
            pieces.append(text)
    return pieces


def _pieces(
    message: BaseMessage, this: Utterance, seq: int, context: Sequence[Utterance], recall: Recall, count: TokenCounter
) -> list[DocumentDraft]:
    texts = [this.text]
    room = max(16, recall.max_input_tokens - len(this.label.encode()) // 2 - 4)  # tokens left beside the label
    # A text never has more tokens than bytes, so short texts need not be counted.
    if len(this.text) * 4 > room and len(this.text.encode()) > room and count([message]) > room:
        texts = _join_blank(str(piece.content) for piece in split_message(HumanMessage(this.text), room, count))
    role = without_surrogates(message.role) if isinstance(message, ChatMessage) else message.type
    return [
        DocumentDraft(
            seq=seq,
            piece=at,
            pieces=len(texts),
            role=role,
            name=this.name,
            id=message.id,
            text=text,
            terms=document_terms(this.name, text, role, recall),
            line=(line := f"{this.label}: {text}"),
            embedded=embedded(line, [] if at else context, recall),
        )
        for at, text in enumerate(texts)
    ]
