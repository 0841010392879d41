"""Models of requests and answers about the versions of a session's summary."""

from __future__ import annotations

from pydantic import Field

from langchain_motorhead.server.schemas.answers import Done, Kept, WrittenBy
from langchain_motorhead.server.schemas.base import Omitted, Schema, example


class Summary(Schema):
    """A session's summary."""

    model_config = example(summary="Alice works as a nurse.", summarized=6, written_by="model")

    summary: str | None = Field(description="The text; null if there is none.")
    summarized: int = Field(description="How many messages it covers: those with a smaller sequence number.")
    written_by: WrittenBy | None = Field(
        description="Who wrote it: a model, nobody (sentences of the messages), or a client."
    )


class NewSummary(Schema):
    """A text that replaces the summary."""

    model_config = example(text="Alice works as a nurse.")

    text: str = Field(description="It stands for every message that has left the window. An empty text removes it.")
    override: bool = Field(False, description="Store it without checking it.")


class SummaryVersion(Schema):
    """A version of a summary."""

    model_config = example(
        text="Alice works as a nurse.\n\nShe moved to Oslo.",
        added="She moved to Oslo.",
        start=6,
        stop=12,
        tokens=412,
        model="gpt-4o-mini",
        author="model",
        time="2025-06-01T12:00:00+00:00",
        failed={},
        kept={"numbers": [2, 3], "dates": [1, 1], "names": [4, 6]},
    )

    text: str = Field(description="The whole text.")
    added: str = Field(description="What it adds to the version before; all of it if it was written anew.")
    start: int = Field(description="Sequence number of the first message that `added` covers.")
    stop: int = Field(description="Sequence number after the last message that it covers.")
    tokens: int = Field(description="Tokens that the summarizer used for `added`.")
    model: str | None = Field(description="Name of the model that wrote it; null if none did.")
    author: WrittenBy | None = Field(description="Who wrote it; null if that is not known.")
    time: str | None = Field(description="When it was stored, in ISO 8601; null if that is not known.")
    failed: dict[str, int] = Field(description="Answers that were rejected before it, by reason.")
    kept: Kept | None = Field(description="What it keeps of what it was made of; null if it was not measured.")


class RebuildBody(Schema):
    """How to make a summary again."""

    model_config = example(wait=True)

    prompt: str | Omitted = Field(None, description="Instruction for the server's model, in place of the usual one.")
    wait: bool = Field(False, description="Whether to answer when it is done. If not, it is done in the background.")


class Rebuilt(Done):
    """What was done; zeros if it is being done in the background."""

    model_config = example(status="Ok", messages=120, batches=4, tokens=9120)

    messages: int = Field(description="Messages that the new summary covers.")
    batches: int = Field(description="Calls of the summarizer that were stored.")
    tokens: int = Field(description="Tokens that these calls used.")
