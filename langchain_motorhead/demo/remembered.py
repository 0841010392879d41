"""What the demo shows beside windows and summaries: a message that recall finds, and a fact that was learned."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from langchain_motorhead.client import Motorhead
from langchain_motorhead.exceptions import SearchUnavailableError
from langchain_motorhead.facts.config import Facts
from langchain_motorhead.models.hashing_embeddings import HashingEmbeddings
from langchain_motorhead.recall.indexing.schema import index_name
from langchain_motorhead.search_index.lifecycle import drop
from langchain_motorhead.storage.keys import recall_key
from langchain_motorhead.storage.operation import Command, Operation, ignore_replies

if TYPE_CHECKING:
    from langchain_motorhead.options import Options

# Asked of the first dialogue, in which a concert is found, and later booked.
QUESTION = "On which day is Allan Rayman at August Hall?"
_FIRST_GENERATION = 1


@dataclass(frozen=True, slots=True)
class Said:
    """A message, or words of it.

    Attributes:
        session: The session of the message.
        seq: Its sequence number.
        text: The text.
    """

    session: str
    seq: int
    text: str


@dataclass(frozen=True, slots=True)
class Remembered:
    """What is remembered beyond the window and the summary.

    Attributes:
        found: The message that answers `QUESTION`; None if recall found nothing.
        fact: A fact about the user; None if nothing was learned.
        quote: Where that was said.
    """

    found: Said | None = None
    fact: str | None = None
    quote: Said | None = None


async def look_back(url: str, options: Options, session: str, user: str) -> Remembered:
    """Index all sessions, search those of a user, and learn facts from one of them. No model is needed.

    Args:
        url: URL of the Redis.
        options: Options of the demo's `Motorhead`.
        session: Session to learn from.
        user: Whose sessions are searched.
    """
    without_model: Options = {
        **options, "embeddings": HashingEmbeddings(), "facts": Facts(), "compaction": "manual", "llm": None,
    }  # fmt: skip
    async with Motorhead.from_url(url, **without_model) as motorhead:
        with suppress(SearchUnavailableError):  # without the module, a search reads the messages themselves
            await motorhead.areindex(progress=False)
        documents = await motorhead.retriever(user_id=user, k=1).ainvoke(QUESTION)
        await motorhead.session(session, user).alearn()
        facts = await motorhead.user(user).afacts()
    found = [Said(each.metadata["session_id"], each.metadata["seq"], each.page_content) for each in documents]
    # What someone likes says more of them than what they asked for.
    facts.sort(key=lambda fact: (fact.attribute != "preference", fact.said_at))
    sources = [source for fact in facts[:1] for source in fact.sources[:1]]
    return Remembered(
        found=found[0] if found else None,
        fact=facts[0].text if facts else None,
        quote=Said(sources[0].session_id, sources[0].seq, sources[0].quote) if sources else None,
    )


async def drop_index(motorhead: Motorhead) -> None:
    """Delete the index of a namespace. Deleting sessions leaves it, for the next ones.

    Args:
        motorhead: Whose namespace it is.
    """
    backend, key = motorhead.backend.require_redis(), recall_key(motorhead.namespace)
    with suppress(SearchUnavailableError):
        await backend.arun(drop(index_name(motorhead.namespace, _FIRST_GENERATION)))
    await backend.aexecute(Operation((Command("DEL", (key,)),), ignore_replies))
