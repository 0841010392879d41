"""Models of requests for the facts about a user, and of their answers."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from langchain_motorhead.facts.model import MAX_NAME_CHARS, MAX_TEXT_CHARS
from langchain_motorhead.facts.reading import PROFILE_TOKENS
from langchain_motorhead.server.schemas.answers import Done
from langchain_motorhead.server.schemas.base import (
    EXAMPLE_SESSION_ID,
    EXAMPLE_TEXT,
    EXAMPLE_USER_ID,
    Omitted,
    Schema,
    example,
)

MAX_FACTS = 1_000
"""Facts of one answer."""
MAX_PROFILE_TOKENS = 100_000
EXAMPLE_FACT: dict[str, Any] = {
    "id": "5f0c1a9e7b3d2468",
    "text": EXAMPLE_TEXT,
    "subject": "user",
    "attribute": "home",
    "said_at": "2025-06-01T12:00:00+00:00",
    "learned_at": "2025-06-01T12:01:00+00:00",
    "sources": [
        {
            "session_id": EXAMPLE_SESSION_ID,
            "seq": 0,
            "message_id": "msg-1",
            "quote": EXAMPLE_TEXT,
            "epoch": "2f1c9a7e5b3d8046",
        }
    ],
}


class FactsQuery(Schema):
    """Query parameters of reading facts."""

    query: str | Omitted = Field(None, description="What the facts should be about.", examples=["home"])
    k: int = Field(100, ge=1, le=MAX_FACTS, description="Facts to return at most.")
    as_of: str | Omitted = Field(
        None,
        description="Return the facts that held at this time, in ISO 8601 with a time zone.",
        examples=["2025-06-01T00:00:00+00:00"],
    )
    superseded: bool = Field(False, description="Whether to return superseded and retracted facts, too.")


class ProfileQuery(Schema):
    """Query parameters of reading a profile."""

    max_tokens: int = Field(
        PROFILE_TOKENS, ge=1, le=MAX_PROFILE_TOKENS, description="Tokens that the text may have at most."
    )


class FactText(Schema):
    """What holds instead of a fact."""

    model_config = example(text="Lives in Bergen")

    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT_CHARS)] = Field(description="The fact, in a sentence.")


class NewFact(FactText):
    """A fact that a person states."""

    model_config = example(text="Is allergic to nuts", attribute="allergy")

    subject: Annotated[str, Field(max_length=MAX_NAME_CHARS)] = Field("user", description="Whom or what it is about.")
    attribute: Annotated[str, Field(max_length=MAX_NAME_CHARS)] = Field(
        "note", description="What it says of the subject."
    )
    valid_from: str | Omitted = Field(None, description="Time from which it holds, in ISO 8601 with a time zone.")
    valid_until: str | Omitted = Field(None, description="Time until which it holds, in ISO 8601 with a time zone.")


class FactSource(Schema):
    """A message that states a fact."""

    model_config = example(**EXAMPLE_FACT["sources"][0])

    session_id: str = Field(description="Id of the session.")
    seq: int = Field(description="Sequence number of the message.")
    message_id: str = Field(description="Id of the message.")
    quote: str = Field(description="The words of the message that state the fact.")
    epoch: str = Field(description="Random id of the session, new when the session is created again.")


class StoredFact(Schema):
    """A fact about a user."""

    model_config = example(**EXAMPLE_FACT)

    id: str = Field(description="Id of the fact.")
    text: str = Field(description="The statement.")
    subject: str = Field(description="Whom or what it is about.")
    attribute: str = Field(description="What it says of the subject.")
    said_at: str = Field(description="When it was said first.")
    learned_at: str = Field(description="When it was stored.")
    valid_from: str | Omitted = Field(None, description="Time from which it holds, if that was said.")
    valid_until: str | Omitted = Field(None, description="Time until which it holds, if that was said.")
    closed_at: str | Omitted = Field(None, description="When it was superseded or retracted.")
    superseded_by: str | Omitted = Field(None, description="Id of the fact that superseded it.")
    retracted_by: list[FactSource] | Omitted = Field(None, description="Messages that said it holds no longer.")
    pinned: bool | Omitted = Field(None, description="Whether a person stated it.")
    sources: list[FactSource] = Field(description="The messages that state it.")


class FactList(Schema):
    """Facts about a user."""

    model_config = example(facts=[EXAMPLE_FACT])

    facts: list[StoredFact] = Field(description="The facts.")


class FactDeleted(Done):
    """The fact is gone."""

    model_config = example(status="Ok", deleted=True)

    deleted: bool = Field(description="Whether the fact existed.")


class Profile(Schema):
    """What is most important to know about a user."""

    model_config = example(profile="- I moved from Oslo to Berlin. (said 2025-06-01)")

    profile: str = Field(description="A line for each fact; empty if nothing is known.")


class Learned(Done):
    """What was learned from a session."""

    model_config = example(
        status="Ok", state="done", messages=4, batches=1, facts=2, accepted=2, rejected={"quote": 1}, unusable={},
        extracts=0, missing=0, tokens=812, embedded=0,
    )  # fmt: skip

    state: str = Field(description="`done`: every message is learned. `ended`: there is no such session.")
    messages: int = Field(description="Messages that were learned.")
    batches: int = Field(description="Batches in which they were learned.")
    facts: int = Field(description="Facts that were added.")
    accepted: int = Field(description="Operations of the learner that were carried out.")
    rejected: dict[str, int] = Field(description="Operations that were rejected, by reason.")
    unusable: dict[str, int] = Field(description="Answers of the learner that were no list of operations, by reason.")
    extracts: int = Field(description="Batches that were learned without the model.")
    missing: int = Field(description="Messages that were not kept, so that nothing could be learned from them.")
    tokens: int = Field(description="Tokens that the learner used.")
    embedded: int = Field(description="Tokens of what was embedded.")


class UserExport(Schema):
    """All that is stored about a user."""

    model_config = example(
        user_id=EXAMPLE_USER_ID,
        facts=[EXAMPLE_FACT],
        sessions=[
            {
                "session_id": EXAMPLE_SESSION_ID,
                "summary": None,
                "messages": [
                    {
                        "seq": 0,
                        "time": "2025-06-01T12:00:00+00:00",
                        "message": {"role": "Human", "content": EXAMPLE_TEXT, "id": "msg-1"},
                    }
                ],
            }
        ],
    )

    user_id: str = Field(description="Id of the user.")
    facts: list[StoredFact] = Field(description="All facts, superseded ones too.")
    sessions: list[dict[str, Any]] = Field(
        description="Each session with its `session_id`, its `summary`, and its `messages` with `seq`, `time` and "
        "`message`."
    )
