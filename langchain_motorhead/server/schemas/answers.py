"""Models of what the server answers."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from pydantic import Field

from langchain_motorhead.server.schemas.base import (
    EXAMPLE_SESSION_ID,
    EXAMPLE_TEXT,
    EXAMPLE_USER_ID,
    Omitted,
    Role,
    Schema,
    example,
)


class Done(Schema):
    """The request was carried out."""

    model_config = example(status="Ok")

    status: Literal["Ok"] = Field(description="Always `Ok`: what failed has another HTTP status.")


class Deleted(Done):
    """The session is gone."""

    model_config = example(status="Ok", deleted=True)

    deleted: bool | Omitted = Field(None, description="With `full=true`: whether the session existed.")


class UserDeleted(Done):
    """All sessions of the user are gone."""

    model_config = example(status="Ok", deleted=3)

    deleted: int = Field(description="Number of sessions deleted.")


class Compacted(Done):
    """What a compaction did."""

    model_config = example(status="Ok", summarized=6, batches=1, tokens=412)

    summarized: int = Field(description="Messages that moved from the list into the summary.")
    batches: int = Field(description="Calls of the summarizer that were stored.")
    tokens: int = Field(description="Tokens that these calls used.")


class Now(Schema):
    """The server's time."""

    model_config = example(now=1748779200000)

    now: int = Field(description="Milliseconds since 1970.")


class StoredMessage(Schema):
    """A message as it was sent, with all its keys."""

    model_config = example(extra=True, role="Human", content=EXAMPLE_TEXT)

    role: Role
    content: str | list[Any] | None = Field(description="Text, or LangChain content blocks.")


class Counts(Schema):
    """Counters of a session."""

    tokens: int = Field(description="Tokens that all summaries of the session used.")
    total: int = Field(description="Messages ever accepted.")
    summarized: int = Field(description="How many of them the summary covers.")
    backlog: int = Field(description="Messages beyond the window that wait to be summarized.")
    failures: int = Field(description="Summaries that failed in a row.")
    epoch: str | None = Field(description="Random id, new when the session is created again; null if it is empty.")


class Kept(Schema):
    """How many details a summary keeps: for each kind, how many it has, and how many were said."""

    model_config = example(numbers=[2, 3], dates=[1, 1], names=[4, 6])

    numbers: list[int] = Field(description="Numbers: how many the summary has, and how many were said.")
    dates: list[int] = Field(description="Dates, likewise.")
    names: list[int] = Field(description="Names, likewise.")


WrittenBy: TypeAlias = Literal["model", "extract", "client"]


class MemoryGap(Schema):
    """Messages that are neither in the summary nor in the answer. They are stored, and wait to be summarized."""

    model_config = example(start=6, stop=9, count=3)

    start: int = Field(description="Sequence number of the first of them.")
    stop: int = Field(description="Sequence number after the last of them.")
    count: int = Field(description="How many they are.")


class SessionMemory(Counts):
    """The recent messages of a session, and the summary of all older ones."""

    model_config = example(
        messages=[{"role": "Human", "content": EXAMPLE_TEXT}],
        context="Alice works as a nurse.",
        tokens=412,
        total=7,
        summarized=6,
        backlog=0,
        failures=0,
        epoch="2f1c9a7e5b3d8046",
    )

    messages: list[StoredMessage] = Field(description="Newest first.")
    context: str | None = Field(description="The summary; null if there is none.")
    start: int | Omitted = Field(
        None, description="With `full=true` and after a catch-up: sequence number of the oldest message returned."
    )
    written_by: WrittenBy | Omitted | None = Field(
        None, description="With `full=true` and after a catch-up: who wrote `context`."
    )
    kept: Kept | Omitted | None = Field(
        None, description="With `full=true` and after a catch-up: what `context` keeps."
    )
    forgotten: list[str] | Omitted = Field(
        None, description="After a catch-up: ids of messages that were sent and that the session has forgotten."
    )
    gap: MemoryGap | Omitted | None = Field(
        None, description="With `full=true` and after a catch-up: what was left out; null if nothing was."
    )


class WindowSize(Schema):
    """How many messages, and how many tokens, a session keeps verbatim."""

    model_config = example(max_messages=12, max_tokens=None)

    max_messages: int = Field(description="Messages that are kept verbatim.")
    max_tokens: int | None = Field(description="Tokens that they may have; null for no limit.")


class SessionInfo(Counts):
    """What is known about a session, without its messages."""

    model_config = example(
        session_id=EXAMPLE_SESSION_ID,
        exists=True,
        user_id=EXAMPLE_USER_ID,
        updated="2024-05-07T10:00:00+00:00",
        length=1,
        indexed=7,
        learned=7,
        tokens=412,
        total=7,
        summarized=6,
        backlog=0,
        failures=0,
        epoch="2f1c9a7e5b3d8046",
        written_by="model",
        kept={"numbers": [2, 3], "dates": [1, 1], "names": [4, 6]},
        rejected={},
        versions=3,
        window={"max_messages": 12, "max_tokens": None},
    )

    session_id: str = Field(description="Id of the session.")
    exists: bool = Field(description="Whether the session has messages or a summary.")
    user_id: str | None = Field(description="User whom the session belongs to; null if it belongs to nobody.")
    updated: str | None = Field(description="When a message was last stored, in ISO 8601; null if that is not known.")
    length: int = Field(description="Messages that are stored verbatim.")
    learned: int | None = Field(
        description="Sequence number of the first message that no facts were learned from; null if none were."
    )
    indexed: int | None = Field(
        description="Sequence number of the first message that is not in the search index; null until indexing begins."
    )
    written_by: WrittenBy | None = Field(
        description="Who wrote the summary: a model, nobody (sentences of the messages), or a client."
    )
    kept: Kept | None = Field(description="What the summary keeps of what it was made of; null if it was not measured.")
    rejected: dict[str, int] = Field(
        description="Answers of the model that were rejected and asked for once more, by reason."
    )
    versions: int = Field(description="Versions of the summary that are kept.")
    window: WindowSize = Field(description="What the server keeps verbatim.")


class Hit(Schema):
    """A message that a search found."""

    model_config = example(role="Human", content=EXAMPLE_TEXT, dist=0.18)

    role: str = Field(description="Role of the message, as it was sent.")
    content: str = Field(description="Text of the message, or a passage of a long one.")
    dist: float = Field(description="1 - score: the smaller, the better the match.")


class FactPlace(Schema):
    """A message that states a fact."""

    model_config = example(session_id=EXAMPLE_SESSION_ID, seq=6, message_id="msg-1")

    session_id: str = Field(description="Id of the session.")
    seq: int = Field(description="Sequence number of the message.")
    message_id: str = Field(description="Id of the message.")


class FoundFact(Schema):
    """A fact that a search found."""

    model_config = example(
        id="f1",
        text="Lives in Oslo",
        score=1.0,
        said_at="2025-06-01T12:00:00+00:00",
        user_id=EXAMPLE_USER_ID,
        sources=[{"session_id": EXAMPLE_SESSION_ID, "seq": 6, "message_id": "msg-1"}],
    )

    id: str = Field(description="Id of the fact.")
    text: str = Field(description="The statement.")
    score: float = Field(description="How well it matches: the larger, the better.")
    said_at: str = Field(description="When it was said first, in ISO 8601.")
    user_id: str | None = Field(description="User whom it is about.")
    sources: list[FactPlace] = Field(description="The messages that state it.")


class SearchHit(Hit):
    """A message that a search found, with its place."""

    model_config = example(
        role="Human",
        content=EXAMPLE_TEXT,
        dist=0.18,
        score=0.82,
        type="human",
        name=None,
        id="msg-1",
        session_id=EXAMPLE_SESSION_ID,
        seq=6,
        user_id=EXAMPLE_USER_ID,
        created="2025-06-01T12:00:00+00:00",
        piece=0,
        pieces=1,
        before=[],
        after=[],
    )

    score: float = Field(description="How well it matches: the larger, the better.")
    type: str = Field(description="LangChain's role, such as `human` or `ai`.")
    name: str | None = Field(description="Name of the author, if it was sent; null if not.")
    id: str | None = Field(description="Id of the message.")
    session_id: str = Field(description="Id of its session.")
    seq: int | None = Field(description="Sequence number of the message in its session; null for a fact without one.")
    user_id: str | None = Field(description="User whom the session belongs to; null if it belongs to nobody.")
    created: str | None = Field(description="When the message was appended, in ISO 8601.")
    piece: int = Field(description="Of a long message, the number of the passage in `content`, from 0.")
    pieces: int = Field(description="How many passages the message has.")
    before: list[SearchHit] = Field(description="Earlier neighbors, if the search asked for any.")
    after: list[SearchHit] = Field(description="Later neighbors, if the search asked for any.")
    facts: list[FoundFact] = Field([], description="Facts that the message states; of a hit of type `fact`, that one.")


class ErrorAnswer(Schema):
    """Why a request failed."""

    model_config = example(error="full must be true or false", code="invalid_request")

    error: str = Field(description="For people. The text may change.")
    code: str = Field(description="For programs. Codes do not change.")
