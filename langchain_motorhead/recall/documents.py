"""What recall indexes, and of what its documents are made. Pure: knows messages and options, no Redis and no model.

A message becomes one document, a long one several: its text, the words it is found by, and a text to embed that has the
messages before it, for a message of a dialogue often means little alone. That choice, and how a search weighs what it
finds (`fusion.py`), was measured: see "Recall" in the README.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from langchain_core.messages import BaseMessage, ChatMessage, HumanMessage

from langchain_motorhead.messages.text import split_message, without_surrogates
from langchain_motorhead.messages.tokens import TokenCounter
from langchain_motorhead.recall.config import Recall
from langchain_motorhead.recall.terms import terms

CONTEXT = 2
"""Messages before a message that are embedded with it."""
CONTEXT_REACH = 8
"""How far back to look for them, past tool results and the like."""

_LABELS = {"human": "Human", "ai": "AI", "system": "System", "tool": "Tool", "function": "Function"}
# Characters of a name that are embedded.
_LONGEST_NAME = 64
# Characters that make a token, in a text of letters.
_CHARACTERS = 3


class Utterance(NamedTuple):
    """A message as recall sees it: who said it, by a name of their own if there is one, and the text."""

    label: str
    name: str | None
    text: str

    @property
    def line(self) -> str:
        """What a transcript would have."""
        return f"{self.label}: {self.text}"


class DocumentDraft(NamedTuple):
    """A document to be: one message, or a piece of one.

    Attributes:
        seq: Sequence number of the message.
        piece: Which piece of it, from 0.
        pieces: How many there are.
        role: LangChain's type of the message, or its role if it is a `ChatMessage`.
        name: Name of who said it, if it has one.
        id: Id of the message, if it has one.
        text: What it says.
        terms: Words to be found by.
        line: It, and who says so.
        embedded: What the model is given: the line, and what was said before it.
        sent: Role that it was sent with, where LangChain's side would have written another.
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


def said(message: BaseMessage | None, recall: Recall) -> Utterance | None:
    """Give what a message says, or None for one that is not indexed."""
    if message is None or message.type not in recall.roles:
        return None
    # The property looks for blocks, which few messages have.
    text = without_surrogates(message.content if isinstance(message.content, str) else str(message.text)).strip()
    if not text:
        return None
    name = message.role if isinstance(message, ChatMessage) else message.name
    name = name and without_surrogates(name)
    return Utterance((name or "")[:_LONGEST_NAME] or _LABELS.get(message.type, message.type), name, text)


def read_said(name: str, role: str, text: str) -> Utterance:
    """Give what a document says."""
    return Utterance(name or _LABELS.get(role, role), name or None, text)


def entries(
    messages: Sequence[BaseMessage | None],
    start: int,
    before: Sequence[Utterance],
    recall: Recall,
    count: TokenCounter,
    sent: Mapping[int, str] = MappingProxyType({}),
) -> list[list[DocumentDraft]]:
    """Make the documents of consecutive messages.

    Args:
        messages: Messages, None where one cannot be read.
        start: Sequence number of the first.
        before: What was said before the first, oldest first.
        recall: How to do it.
        count: Counts tokens.
        sent: Roles that were sent, by sequence number, where LangChain's side would have written others.

    Returns:
        For each message its documents: none, one, or its pieces.
    """
    context = list(before)
    made = list[list[DocumentDraft]]()
    for seq, message in enumerate(messages, start):
        this = said(message, recall)
        if message is None or this is None:
            made.append([])
            continue
        role = without_surrogates(sent[seq]) if seq in sent else None
        made.append([each._replace(sent=role) for each in _pieces(message, this, seq, context, recall, count)])
        context.append(this)
    return made


def embedded(line: str, context: Sequence[Utterance], recall: Recall) -> str:
    """Give the text to embed for a line: it, and as much of what was said before it as fits, the latest first.

    About as much: a model that takes less cuts off the end, which is the oldest.
    """
    earlier = "\n".join([each.line for each in reversed(context[-CONTEXT:])])
    room = recall.max_input_tokens * _CHARACTERS - len(line)
    if len(earlier) > room:
        earlier = earlier[: max(0, room)].rpartition(" ")[0]
    return f"{line}\n{earlier}" if earlier else line


def _joined(texts: Iterable[str]) -> list[str]:
    """Put what is blank to the piece before it."""
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
    room = max(16, recall.max_input_tokens - len(this.label.encode()) // 2 - 4)  # beside the label
    # No text has more tokens than bytes.
    if len(this.text) * 4 > room and len(this.text.encode()) > room and count([message]) > room:
        texts = _joined(str(piece.content) for piece in split_message(HumanMessage(this.text), room, count))
    role = without_surrogates(message.role) if isinstance(message, ChatMessage) else message.type
    name = f"{this.name} " if this.name else ""
    return [
        DocumentDraft(
            seq=seq,
            piece=at,
            pieces=len(texts),
            role=role,
            name=this.name,
            id=message.id,
            text=text,
            terms=" ".join(terms(name + text, recall.language)),
            line=(line := f"{this.label}: {text}"),
            embedded=embedded(line, [] if at else context, recall),
        )
        for at, text in enumerate(texts)
    ]
