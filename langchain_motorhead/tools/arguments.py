"""Arguments that a model gives to each tool. None of them names a user or a namespace: those are not its to choose."""

from __future__ import annotations

from pydantic import BaseModel, Field

MAX_HITS = 20
MAX_MESSAGES = 50
MAX_FACTS = 50
_SESSION = "Id of the conversation, as search_memory and list_sessions show it."


class SearchMemory(BaseModel):
    """Arguments of `search_memory`."""

    query: str = Field(description="What to search for: the words of the question, with names, places and dates.")
    count: int = Field(5, ge=1, le=MAX_HITS, description="How many messages to find.")


class ReadConversation(BaseModel):
    """Arguments of `read_conversation`."""

    session_id: str | None = Field(None, description=f"{_SESSION} Without it, this conversation.")
    around: int | None = Field(
        None, ge=0, description="Number of a message: it is returned with those before and after it."
    )
    start: int | None = Field(None, ge=0, description="Number of the first message to return.")
    count: int = Field(
        20, ge=1, le=MAX_MESSAGES, description="How many messages to return. With 1, a long message is shown further."
    )


class ListSessions(BaseModel):
    """Arguments of `list_sessions`."""

    page: int = Field(1, ge=1, le=10_000, description="Page of the list, which begins with the newest conversations.")


class UserProfile(BaseModel):
    """Arguments of `user_profile`."""

    query: str | None = Field(None, description="What the facts should be about. Without it, the most important facts.")
    count: int = Field(20, ge=1, le=MAX_FACTS, description="How many facts to return.")


class Remember(BaseModel):
    """Arguments of `remember`."""

    text: str = Field(description="The fact, as a sentence that can be understood alone: 'Is allergic to nuts'.")
    attribute: str | None = Field(None, description="What it says of the user, in a few words such as 'home town'.")


class CorrectFact(BaseModel):
    """Arguments of `correct_fact`."""

    fact_id: str = Field(description="Id of the fact that is wrong or outdated, as user_profile shows it.")
    text: str = Field(description="What holds instead, in a sentence.")


class ForgetFact(BaseModel):
    """Arguments of `forget_fact`."""

    fact_id: str = Field(description="Id of the fact to remove, as user_profile shows it.")
