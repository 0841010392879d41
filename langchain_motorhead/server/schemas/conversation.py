"""Models of requests that read a session's whole conversation, and of their answers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from langchain_motorhead.server.schemas.answers import Done, StoredMessage
from langchain_motorhead.server.schemas.base import EXAMPLE_TEXT, Omitted, Schema, example
from langchain_motorhead.server.schemas.limits import MAX_PAGE_MESSAGES, MAX_SEQ
from langchain_motorhead.server.schemas.requests import UserQuery
from langchain_motorhead.sessions.changes.forgetting import MAX_MESSAGES

DEFAULT_PAGE_MESSAGES = 100
"""Messages on a page, if the request does not say how many."""


class TranscriptQuery(UserQuery):
    """Query parameters of reading messages by their sequence numbers."""

    start: int = Field(0, ge=0, le=MAX_SEQ, description="Sequence number of the first message, counted from 0.")
    stop: Annotated[int, Field(ge=0, le=MAX_SEQ)] | Omitted = Field(
        None,
        description="Sequence number to stop before. The default is the end of the session.",
        examples=[100],
    )
    limit: int = Field(
        DEFAULT_PAGE_MESSAGES,
        ge=1,
        le=MAX_PAGE_MESSAGES,
        description="Messages to return at most. A page of large messages has fewer.",
    )
    epoch: str | Omitted = Field(
        None,
        description="The `epoch` of the page before. The answer is an error if the session was deleted since.",
        examples=["2f1c9a7e5b3d8046"],
    )


class NumberedMessage(Schema):
    """A message with its place in the session."""

    model_config = example(
        seq=0, time="2025-06-01T12:00:00+00:00", message={"role": "Human", "content": EXAMPLE_TEXT, "id": "msg-1"}
    )

    seq: int = Field(description="Sequence number of the message. It never changes.")
    time: str | None = Field(description="When the message was stored, in ISO 8601; null if that is not known.")
    message: StoredMessage = Field(description="The message, with its id.")


class Gap(Schema):
    """Messages that cannot be returned."""

    model_config = example(first=3, last=3, reason="forgotten")

    first: int = Field(description="Sequence number of the first of them.")
    last: int = Field(description="Sequence number of the last of them.")
    reason: Literal["not kept", "missing", "damaged", "forgotten"] = Field(
        description="`not kept`: the archive did not have to keep them. `missing`: the archive lost them. `damaged`: "
        "they are stored, but cannot be read. `forgotten`: they were removed by their ids."
    )


class TranscriptPage(Schema):
    """Messages of a session, oldest first."""

    model_config = example(
        messages=[
            {
                "seq": 0,
                "time": "2025-06-01T12:00:00+00:00",
                "message": {"role": "Human", "content": EXAMPLE_TEXT, "id": "msg-1"},
            }
        ],
        gaps=[],
        total=7,
        next=1,
        epoch="2f1c9a7e5b3d8046",
    )

    messages: list[NumberedMessage] = Field(description="The messages of this page.")
    gaps: list[Gap] = Field(description="What is missing between the messages.")
    total: int = Field(description="Messages ever accepted.")
    next: int | None = Field(description="The `start` of the next page; null after the last page.")
    epoch: str | None = Field(description="Random id, new when the session is created again; null if it is empty.")


class ForgetBody(Schema):
    """Messages to forget."""

    model_config = example(message_ids=["msg-1"])

    message_ids: list[str | Annotated[int, Field(ge=0, le=MAX_SEQ)]] = Field(
        max_length=MAX_MESSAGES, description="Ids of the messages, or their sequence numbers."
    )


class EditQuery(UserQuery):
    """Query parameters of an edit."""

    by_id: bool = Field(False, description="The last part of the path is the id of the message, not its number.")


class Receipt(Done):
    """What was removed, and where."""

    model_config = example(
        status="Ok", messages=[0], ids=["msg-1"], in_list=1, in_archive=0, documents=1, vectors=2, summaries=0
    )

    messages: list[int] = Field(
        description="Sequence numbers of the messages, with those of results of forgotten calls."
    )
    ids: list[str] = Field(description="Their ids.")
    in_list: int = Field(description="How many of them were in the list.")
    in_archive: int = Field(description="How many of them were in the archive.")
    documents: int = Field(description="Documents removed from the search index.")
    vectors: int = Field(description="Vectors of other messages that were made with their text. They are made again.")
    summaries: int = Field(
        description="Summaries that were dropped. What they said of other messages is summarized again."
    )
