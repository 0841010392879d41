"""Which messages recall indexes, and what of them it indexes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from langchain_motorhead import InvalidInputError, Recall
from langchain_motorhead.messages.text import message_text
from langchain_motorhead.recall.indexing.documents import (
    CONTEXT,
    DocumentDraft,
    Utterance,
    embedded,
    stored_utterance,
    to_drafts,
    to_utterance,
)
from langchain_motorhead.recall.words.terms import terms

RECALL = Recall()
CALL = {"name": "f", "args": {}, "id": "c"}
SPOKEN = st.text("ab \n.é語", max_size=400).map(lambda text: HumanMessage(text))
ANY = st.one_of(
    SPOKEN, st.just(None), st.just(ToolMessage("r", tool_call_id="c")), st.just(AIMessage("", tool_calls=[CALL]))
)


def count(messages: Sequence[BaseMessage]) -> int:
    """Count three tokens a message, and one for three characters."""
    return sum(3 + -(-len(message_text(message)) // 3) for message in messages)


def made(messages: Sequence[BaseMessage | None], start: int = 0, recall: Recall = RECALL) -> list[list[DocumentDraft]]:
    """Make the documents of messages that nothing was said before."""
    return to_drafts(messages, start, [], recall, count)


def whole(pieces: Sequence[DocumentDraft]) -> str:
    """Give the text of a message's pieces."""
    return "".join(piece.text for piece in pieces)


BAD_ROLES: list[Any] = [(), "human", ("human", "robot"), ("Human",), []]


@pytest.mark.parametrize(
    "options",
    [
        *({"algorithm": bad} for bad in ("FLAT", "svs", "", None)),
        *({"metric": bad} for bad in ("COSINE", "dot", None)),
        *({"datatype": bad} for bad in ("float8", "int8", None, float)),
        *({"language": bad} for bad in ("English", "en", "klingon", "", None)),
        *({"roles": bad} for bad in BAD_ROLES),
        *({"max_input_tokens": bad} for bad in (31, 0, -1, 256.0, "256", None, True)),
        *({"timeout": bad} for bad in (0, -1, "60", None, True, math.nan)),
    ],
    ids=str,
)
def test_bad_options(options: dict[str, Any]) -> None:
    """An option that cannot be used is refused by name, with what was given."""
    ((name, value),) = options.items()
    with pytest.raises(InvalidInputError) as caught:
        Recall(**options)
    assert str(caught.value).startswith(f"{name} must be ")
    assert str(caught.value).endswith(repr(value))


@pytest.mark.parametrize(
    "options",
    [
        {"algorithm": "hnsw", "metric": "l2", "datatype": "bfloat16", "language": "none"},
        {"roles": ("human",), "max_input_tokens": 32, "timeout": 0.1},
        {"roles": ["human", "tool", "function", "system", "ai", "chat"], "timeout": 5, "model": "m"},
    ],
    ids=str,
)
def test_good_options(options: dict[str, Any]) -> None:
    """The smallest numbers, and every name that is documented, are allowed."""
    recall = Recall(**options)
    assert {name: getattr(recall, name) for name in options} == options


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (HumanMessage("hi"), Utterance("Human", None, "hi")),
        (AIMessage("hi"), Utterance("AI", None, "hi")),
        (HumanMessage(" hi\n"), Utterance("Human", None, "hi")),
        (HumanMessage("hi", name="Anna"), Utterance("Anna", "Anna", "hi")),
        (ChatMessage(content="hi", role="Ben"), Utterance("Ben", "Ben", "hi")),
        (AIMessage("so", tool_calls=[CALL]), Utterance("AI", None, "so")),
        (HumanMessage("a\ud800b"), Utterance("Human", None, "a?b")),
        (HumanMessage("hi", name="\ud800x"), Utterance("?x", "?x", "hi")),
        (HumanMessage([{"type": "text", "text": "one "}, {"type": "image_url", "image_url": "x"}, "two"]),
         Utterance("Human", None, "one two")),
    ],
)  # fmt: skip
def test_what_is_said(message: BaseMessage, expected: Utterance) -> None:
    """Of a message its text is indexed, and who said it, by a name of their own if they have one."""
    assert to_utterance(message, RECALL) == expected


@pytest.mark.parametrize(
    "message",
    [
        None,
        HumanMessage(""),
        HumanMessage(" \n\t "),
        HumanMessage([]),
        HumanMessage([{"type": "image_url", "image_url": "x"}]),
        HumanMessage([{"type": "text", "text": "  "}]),
        AIMessage("", tool_calls=[CALL]),
        AIMessage([{"type": "tool_use", "name": "f", "input": {}, "id": "c"}]),
        ToolMessage("r", tool_call_id="c"),
        FunctionMessage(content="r", name="f"),
        SystemMessage("be kind"),
    ],
)
def test_what_is_not_indexed(message: BaseMessage | None) -> None:
    """A message without a text, one that nobody said, and one that cannot be read are not indexed."""
    assert to_utterance(message, RECALL) is None
    assert made([message]) == [[]]


def test_roles_choose_what_is_indexed() -> None:
    """Which types of message are indexed can be chosen."""
    messages: list[BaseMessage] = [
        HumanMessage("a"),
        AIMessage("b"),
        SystemMessage("c"),
        ToolMessage("d", tool_call_id="c", name="look"),
        FunctionMessage(content="e", name="f"),
        ChatMessage(content="f", role="r"),
    ]
    for message in messages:
        only = Recall(roles=(message.type,))
        found = [to_utterance(other, only) for other in messages]
        assert [each.text for each in found if each is not None] == [message.content]
    told = [to_utterance(message, Recall(roles=("system", "tool", "function"))) for message in messages]
    assert [each.label for each in told if each is not None] == ["System", "look", "f"]


@pytest.mark.parametrize(
    "message", [HumanMessage("hi"), AIMessage("hi", name="Bot"), ChatMessage(content="hi", role="Ben")]
)
def test_a_document_says_what_its_message_says(message: BaseMessage) -> None:
    """What is read back of a document is what the message said."""
    ((entry,),) = made([message])
    assert stored_utterance(entry.name or "", entry.role, entry.text) == to_utterance(message, RECALL)


def test_a_document() -> None:
    """A document has the number, the role, the name and the id of its message, and its words with the name."""
    messages = [ChatMessage(content="I like running", role="Ben", id="i"), HumanMessage("Nice dogs!", name="Anna")]
    (one,), (other,) = made(messages, 5)
    assert (one.seq, one.piece, one.pieces, one.role, one.name, one.id) == (5, 0, 1, "Ben", "Ben", "i")
    assert (one.text, one.terms, one.embedded) == ("I like running", "ben like run", "Ben: I like running")
    assert (other.seq, other.piece, other.pieces, other.role, other.name, other.id) == (6, 0, 1, "human", "Anna", None)
    assert (other.text, other.terms, other.line) == ("Nice dogs!", "anna nice dog", "Anna: Nice dogs!")
    assert other.embedded == "Anna: Nice dogs!\nBen: I like running"


def test_every_message_has_its_number() -> None:
    """Messages that are not indexed have no document, and keep their numbers."""
    messages = [HumanMessage("a"), None, ToolMessage("r", tool_call_id="c"), AIMessage("b"), HumanMessage(" ")]
    assert [[entry.seq for entry in one] for one in made(messages, 100)] == [[100], [], [], [103], []]


def test_context_is_what_was_said_before() -> None:
    """A message is embedded before the two that were said before it, its own text first and the latest next."""
    texts = [one.embedded for (one,) in made([HumanMessage("a"), AIMessage("b"), HumanMessage("c"), AIMessage("d")])]
    assert texts == ["Human: a", "AI: b\nHuman: a", "Human: c\nAI: b\nHuman: a", "AI: d\nHuman: c\nAI: b"]


def test_context_goes_past_what_is_not_indexed() -> None:
    """Tool calls, their results, and what cannot be read do not come between a message and its context."""
    messages = [
        HumanMessage("a"),
        AIMessage("", tool_calls=[CALL]),
        ToolMessage("r", tool_call_id="c"),
        None,
        AIMessage("b"),
        SystemMessage("s"),
        HumanMessage("c"),
    ]
    assert made(messages)[-1][0].embedded == "Human: c\nAI: b\nHuman: a"


def test_context_from_before_the_first() -> None:
    """What was said before the messages at hand is their context, as if all had been at hand."""
    messages = [HumanMessage("a"), AIMessage("b", name="Bot"), HumanMessage("c"), AIMessage("d")]
    everything = made(messages)
    for at in range(1, 4):
        before = [each for message in messages[:at] if (each := to_utterance(message, RECALL)) is not None]
        assert to_drafts(messages[at:], at, before, RECALL, count) == everything[at:]


def test_context_gives_way() -> None:
    """Of what was said before, only as much is embedded as fits, whole words of the latest first."""
    recall = Recall(max_input_tokens=32)  # of three characters each, by this count
    before = [Utterance("Human", None, "first " * 20), Utterance("AI", None, "second " * 20)]
    text = embedded("Human: short", before, recall)
    line, rest = text.split("\n", 1)
    assert (line, len(text) <= 96) == ("Human: short", True)
    assert rest.split()[0] == "AI:"
    assert set(rest.split()[1:]) == {"second"}
    assert embedded("Human: " + "x" * 200, before, recall) == "Human: " + "x" * 200


def test_a_long_message_becomes_pieces() -> None:
    """A message beyond the bound becomes pieces, in order, each with the speaker, the first with the context."""
    recall = Recall(max_input_tokens=32)
    long = " ".join(f"word{at}" for at in range(100))
    (first,), pieces, (last,) = made(
        [HumanMessage("a"), AIMessage(long, name="Bot", id="i"), HumanMessage("z")], 7, recall
    )
    assert (first.pieces, len(pieces) > 5) == (1, True)
    assert [(p.seq, p.piece, p.pieces, p.id, p.name) for p in pieces] == [
        (8, at, len(pieces), "i", "Bot") for at in range(len(pieces))
    ]
    assert whole(pieces) == long
    assert all(piece.terms.split()[0] == "bot" for piece in pieces)
    assert " ".join(piece.terms.removeprefix("bot ") for piece in pieces).split() == terms(long, "english")
    assert all(piece.embedded.startswith(f"Bot: {piece.text}") for piece in pieces)
    assert [piece.embedded == f"Bot: {piece.text}" for piece in pieces[1:]] == [True] * (len(pieces) - 1)
    assert last.embedded.startswith("Human: z\nBot: word0 ")


@pytest.mark.parametrize(
    "text", ["x" * 5_000, " ".join(["語" * 50] * 20), "a" + " " * 3_000 + "b", "\n" * 9 + "é\n" * 900]
)
def test_pieces_lose_nothing(text: str) -> None:
    """Without spaces, in any script, and with nothing but spaces, the pieces joined are the message."""
    ((*pieces,),) = made([HumanMessage(text)], recall=Recall(max_input_tokens=64))
    assert len(pieces) > 1
    assert whole(pieces) == text.strip()
    assert all(count([HumanMessage(f"Human: {piece.text.strip()}")]) <= 64 + 4 for piece in pieces)


def test_short_messages_are_not_counted() -> None:
    """No tokenizer is asked for a message that is short enough whatever it says."""

    def never(messages: Sequence[BaseMessage]) -> int:
        raise AssertionError

    short = [HumanMessage("x" * 240), AIMessage("y")]
    assert [len(one) for one in to_drafts(short, 0, [], RECALL, never)] == [1, 1]


@settings(deadline=None)
@given(st.lists(ANY, max_size=8), st.integers(0, 1_000), st.sampled_from([32, 64, 256]))
def test_any_messages(messages: list[BaseMessage | None], start: int, most: int) -> None:
    """Every message that says something has documents that say all of it, and what is embedded is bounded."""
    recall = Recall(max_input_tokens=most)
    documents = made(messages, start, recall)
    assert len(documents) == len(messages)
    for seq, (message, pieces) in enumerate(zip(messages, documents, strict=True), start):
        this = to_utterance(message, recall)
        assert whole(pieces) == (this.text if this else "")
        assert [(p.seq, p.piece, p.pieces) for p in pieces] == [(seq, at, len(pieces)) for at in range(len(pieces))]
        for piece in pieces:
            assert piece.embedded.startswith(f"Human: {piece.text}")
            # By this count, and with what a line begins with.
            assert len(piece.embedded) <= 3 * most + len("Human: ")
            assert piece.embedded.count("Human: ") <= 1 + CONTEXT
