"""Batches: the messages that a learner is given at once, and who says what in them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from langchain_core.messages import BaseMessage, ChatMessage

from langchain_motorhead.facts.learning.proposals import LearnerMessage
from langchain_motorhead.facts.model import normal
from langchain_motorhead.messages.text import message_text, without_data
from langchain_motorhead.sessions.archive.transcript import TranscriptMessage

_NOT_PERSONS = frozenset({"ai", "assistant", "system", "developer", "tool", "function"})
_ASSISTANTS = frozenset({"ai", "assistant"})
# Words with which a person agrees to what was said, at the beginning of a message.
_AGREES = re.compile(
    r"(?:yes|yeah|yep|yup|right|correct|exactly|true|indeed|absolutely|definitely|of course|that(?:'s| is) (?:right|"
    r"correct|true|me|it)|you(?:'re| are) right|i do|i am|sure|ja|genau|stimmt|richtig|klar|oui|exact(?:ement)?|"
    r"c'est ça|d'accord|sí|si|claro|correcto|exacto|sì|esatto|giusto|sim|isso|certo|да|верно|точно|はい|そうです|"
    r"是的|对|對|没错|네|맞아요)(?![^\W_])"
)
_FIRST_PERSON = re.compile(
    r"\b(?:i|i'm|i've|i'd|i'll|me|my|mine|myself|we|our|us|ich|mich|mir|mein\w*|je|j'\w+|moi|mon|ma|mes|yo|mi|mis|me)\b"
)


@dataclass(frozen=True, slots=True)
class Said:
    """A message of a batch.

    Attributes:
        seq: Sequence number of the message.
        id: Id of the message.
        role: Role of the speaker: `"human"`, `"ai"`, `"tool"`, or another one.
        name: Name of the speaker, or None.
        text: What was said.
        said_at: When it was said, or None if that is not known.
    """

    seq: int
    id: str
    role: str
    name: str | None
    text: str
    said_at: datetime | None

    @property
    def by_person(self) -> bool:
        """Whether a person said it."""
        return self.role.casefold() not in _NOT_PERSONS

    @property
    def by_assistant(self) -> bool:
        """Whether the assistant said it."""
        return self.role.casefold() in _ASSISTANTS

    def as_input(self) -> LearnerMessage:
        """Return the message as a learner is given it."""
        said_at = None if self.said_at is None else self.said_at.isoformat()
        return {"seq": self.seq, "role": self.role, "name": self.name, "text": self.text, "said_at": said_at}


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages of one session that are learned at once.

    Attributes:
        session_id: The session.
        epoch: Its epoch.
        user_id: Its user, or None.
        messages: The messages, oldest first.
        before: A few messages before these, which were learned already. An agreement may refer to them.
    """

    session_id: str
    epoch: str
    user_id: str | None
    messages: Sequence[Said]
    before: Sequence[Said] = ()
    _by_seq: Mapping[int, Said] = field(init=False, default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_seq", {said.seq: said for said in (*self.before, *self.messages)})

    @property
    def start(self) -> int:
        """Sequence number of the first message; 0 if there is none."""
        return self.messages[0].seq if self.messages else 0

    def before_seq(self, stop: int) -> Batch:
        """Return the batch without the messages from a sequence number on."""
        return replace(self, messages=[said for said in self.messages if said.seq < stop])

    def first_half(self) -> Batch:
        """Return the batch with the first half of its messages, at least one."""
        return replace(self, messages=self.messages[: max(1, len(self.messages) // 2)])

    def get(self, seq: int) -> Said | None:
        """Return a message by its sequence number, or None."""
        return self._by_seq.get(seq)

    def is_new(self, seq: int) -> bool:
        """Return whether a message is one of those that are learned."""
        return bool(self.messages) and seq >= self.messages[0].seq and seq in self._by_seq

    def is_agreed(self, said: Said) -> bool:
        """Return whether the person's next message after one of the assistant begins with an agreement."""
        return self.agreement(said) is not None

    def agreement(self, said: Said) -> Said | None:
        """Return the person's next message after one of the assistant, if it begins with an agreement."""
        later = (each for seq, each in sorted(self._by_seq.items()) if seq > said.seq and not _is_tool(each))
        answer = next(later, None)
        if answer is None or not answer.by_person:
            return None
        return answer if _AGREES.match(normal(answer.text).lstrip("\"'¡!¿ ")) else None

    def may_state(self, said: Said, quote: str, subject: str) -> bool:
        """Return whether the speaker of a message may state something about a subject.

        What a tool returned or a system message says is no fact about a person, nor is what the assistant said, unless
        the person agreed. Of several persons, each may speak in the first person of himself or herself only.

        Args:
            said: The message.
            quote: The words of it that state something.
            subject: Whom they are about, in the form of `name_key`.
        """
        if said.by_assistant:
            return self.is_agreed(said)
        if not said.by_person:
            return False
        if said.name is None:
            return True
        own = normal(said.name)
        others = {normal(each.name) for each in self._by_seq.values() if each.by_person and each.name} - {own}
        if subject in others and _FIRST_PERSON.search(normal(quote)):
            return False
        # Where several persons speak, only one of them can be the user.
        return not (subject == "user" and others and self.user_id is not None and normal(self.user_id) in others)


def to_said(message: TranscriptMessage) -> Said:
    """Return a message of a transcript as a message of a batch."""
    return Said(
        seq=message.seq,
        id=message.message.id or "",
        role=_role(message.message),
        name=message.message.name or None,
        text=without_data(message_text(message.message)),
        said_at=message.time,
    )


def _role(message: BaseMessage) -> str:
    return message.role if isinstance(message, ChatMessage) else message.type.removesuffix("MessageChunk").lower()


def _is_tool(said: Said) -> bool:
    return said.role.casefold() in ("tool", "function")
