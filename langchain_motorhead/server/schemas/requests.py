"""Models of what a request sends: its query parameters and its body."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from langchain_motorhead.rest_protocol import IDEMPOTENCY_KEY
from langchain_motorhead.server.schemas import limits
from langchain_motorhead.server.schemas.base import (
    EXAMPLE_SESSION_ID,
    EXAMPLE_TEXT,
    EXAMPLE_USER_ID,
    Id,
    Omitted,
    Role,
    Schema,
    example,
)

# --- Query parameters ---


class UserQuery(Schema):
    """The query parameter of requests that concern one session."""

    user_id: Id | Omitted = Field(
        None,
        description="User whom the session belongs to. The server refuses a session of another user.",
        examples=[EXAMPLE_USER_ID],
    )


class GroupQuery(UserQuery):
    """Query parameters of requests that list a session in a group, or remove it."""

    namespace: Id | Omitted = Field(
        None,
        description="Group in which `GET /sessions` lists the session. Reading a session needs no group.",
        examples=["support"],
    )


class DeleteQuery(GroupQuery):
    """Query parameters of a deletion."""

    full: bool = Field(False, description="Also say whether the session existed.")


class MemoryQuery(UserQuery):
    """Query parameters of reading a session."""

    limit: Annotated[int, Field(ge=1, le=limits.MAX_INTEGER)] | Omitted = Field(
        None,
        description="Number of messages to return. The default is the window size; the server's hard limit is the "
        "maximum.",
        examples=[12],
    )
    full: bool = Field(
        False,
        description="Return what a prompt needs: every message that the summary does not cover yet, up to the hard "
        "limit, each with its id, and no tool result without its tool call.",
    )


class ListQuery(Schema):
    """Query parameters of listing sessions."""

    page: int = Field(1, ge=1, le=limits.MAX_PAGE_NUMBER, description="Number of the page. With `full`, any number.")
    size: int = Field(
        10, ge=1, description=f"Sessions on a page. A larger number than {limits.MAX_PAGE_SESSIONS:,} is reduced to it."
    )
    namespace: Id | Omitted = Field(
        None, description="List this group. Without it: the sessions that are in no group.", examples=["support"]
    )
    user_id: Id | Omitted = Field(None, description="List the sessions of this user.", examples=[EXAMPLE_USER_ID])
    full: bool = Field(False, description="List all sessions, whether they are in a group or not.")
    newest_first: bool = Field(
        False, description="With `full` or `user_id`: begin with the most recently active session."
    )


# --- Headers ---


class AppendHeaders(Schema):
    """Headers of a request that appends messages."""

    idempotency_key: Annotated[str, Field(min_length=1, max_length=limits.MAX_IDEMPOTENCY_KEY)] | Omitted = Field(
        None,
        alias=IDEMPOTENCY_KEY,
        description="Text that the client makes up for the request, such as a UUID. If the request is sent again with "
        "it, the session is left as it is, however much happened in between. With another body it is a 409.",
        examples=["9f2d0a3e-6f55-4c0b-8d5e-2b7f1c9a4e10"],
    )


# --- Bodies of requests ---


class NewMessage(Schema):
    """A message to store. Other keys, such as `name` and `tool_calls`, are stored and returned too."""

    model_config = example(extra=True, role="Human", content=EXAMPLE_TEXT, id="msg-1")

    role: Role
    content: str | list[str | dict[str, Any]] = Field(description="Text, or LangChain content blocks.")


class NewMessages(Schema):
    """Messages to append to a session, oldest first."""

    model_config = example(
        messages=[
            {"role": "Human", "content": EXAMPLE_TEXT, "id": "msg-1"},
            {"role": "AI", "content": "How do you like it there?", "id": "msg-2"},
        ]
    )

    messages: list[NewMessage] = Field(description="The messages, oldest first. None are needed with a `context`.")
    context: str | None = Field(
        None, description="Replaces the summary. An empty string removes the summary; null leaves it as it is."
    )
    unless_known: bool = Field(
        True, description="Skip a message that the session has, by its id. Another one with its id is a 409."
    )


class Conversation(Schema):
    """A conversation that the client holds, oldest message first."""

    model_config = example(messages=[{"role": "Human", "content": EXAMPLE_TEXT, "id": "msg-1"}])

    messages: list[NewMessage] = Field(description="The conversation so far. Messages are recognized by their ids.")
    after: str | None = Field(None, description="Id of a message that is already stored. Only later ones are compared.")
    read: bool = Field(True, description="Return the session as well.")


class RetrievalBody(Schema):
    """A text to search one session for."""

    model_config = example(text="Where does she live?")

    text: str = Field(description="What to search for.")


class Unseen(Schema):
    """Messages that a search leaves out: those of one session from a sequence number on."""

    model_config = example(session_id=EXAMPLE_SESSION_ID, seq=6)

    session_id: Id = Field(description="Id of the session.")
    seq: int = Field(ge=0, lt=2**53, description="Sequence number of the first message to leave out.")


class SearchBody(Schema):
    """A text to search for, and which messages to search."""

    model_config = example(text="Where does she live?", k=3)

    text: str = Field(description="What to search for.")
    k: int = Field(10, ge=1, le=limits.MAX_SEARCH_HITS, description="Number of hits to return.")
    user_id: Id | Omitted = Field(None, description="Search only the sessions of this user.")
    session_id: Id | Omitted = Field(None, description="Search only this session.")
    search_type: Literal["hybrid", "similarity", "mmr"] = Field(
        "hybrid",
        description="`hybrid` searches by meaning and by words, `similarity` by meaning, `mmr` by meaning with fewer "
        "repetitions.",
    )
    score_threshold: float | Omitted = Field(None, description="Leave out hits with a lower score.")
    roles: Annotated[list[str], Field(min_length=1)] | Omitted = Field(
        None, description="Only messages with these LangChain roles, such as `human` and `ai`."
    )
    after: datetime | Omitted = Field(None, description="Only messages appended at this time or later.")
    before: datetime | Omitted = Field(None, description="Only messages appended before this time.")
    now: datetime | Omitted = Field(
        None,
        description="Time of the question in the user's time zone, for words such as yesterday. Default: now, UTC.",
    )
    neighbors: int = Field(
        0, ge=0, le=limits.MAX_NEIGHBORS, description="Messages to return before and after each hit."
    )
    exclude_window: bool = Field(False, description="Leave out messages that are still in the window of their session.")
    fetch_k: int = Field(20, ge=1, description="For `mmr`: number of candidates to choose from.")
    lambda_mult: float = Field(0.5, ge=0, le=1, description="For `mmr`: from 0 (most diverse) to 1 (most similar).")
    facts: bool = Field(False, description="For `hybrid` of a user: search the facts about the user as well.")
    expand: bool = Field(False, description="For `hybrid`: search also for the words that the first results share.")
    unseen: Unseen | Omitted = Field(None, description="Leave out these messages.")
