"""Views that need a model or its tokenizer: the search, and what the model would see of a session."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from langchain_core.messages import BaseMessage

from langchain_motorhead.messages.tokens import TokenCounter
from langchain_motorhead.recall.query import Query
from langchain_motorhead.server.page import views
from langchain_motorhead.server.page.browsing import missing
from langchain_motorhead.server.page.visit import Answer, Visit
from langchain_motorhead.sessions.load import Memory, load

_HITS = 20
_MAX_QUERY_CHARS = 1_000


@dataclass(frozen=True, slots=True)
class PromptPart:
    """A part of what memory adds to the next prompt, its messages, and about how many tokens they have."""

    name: str
    explanation: str
    messages: list[views.MessageView]

    @property
    def tokens(self) -> int:
        """About how many tokens the part has."""
        return sum(each.tokens or 0 for each in self.messages)


async def search(visit: Visit) -> Answer:
    """Search messages of a session, of a user, or of the namespace."""
    text, session_id, user = visit.query("q")[:_MAX_QUERY_CHARS], visit.query("id"), visit.query("user")
    motorhead = visit.motorhead
    backend, hits = motorhead.backend.require_redis(), list[views.HitView]()
    searchable = backend.maintenance.indexer is not None
    if text.strip() and searchable:
        await backend.prepare()
        found = await motorhead._asearch(Query(text, _HITS, session_id=session_id or None, user_id=user or None))
        language = backend.recall.recall.language
        hits = [views.hit_view(each, text, language) for each in found]
    values = {"q": text, "id": session_id, "user": user, "hits": hits, "searchable": searchable}
    return "search", {**values, "tab": "search", "here": "search"}


async def prompt(visit: Visit) -> Answer:
    """Show what memory adds to the next prompt, with tokens."""
    keys = visit.keys()
    backend = visit.motorhead.backend.require_redis()
    await backend.prepare(counting=True)
    memory = await backend.arun(load(keys, backend.window))
    if memory.epoch is None:
        raise missing(keys.session_id)
    parts = await asyncio.to_thread(_parts, memory, backend.append_config.count)
    total = sum(part.tokens for part in parts)
    return "prompt", {"id": keys.session_id, "contributions": parts, "total": total, "tab": "prompt"}


def _parts(memory: Memory, count: TokenCounter) -> list[PromptPart]:
    """Count the messages of each part. Tokenizers are slow, so this is not done on the event loop."""
    messages = memory.as_messages()
    said = messages[: len(messages) - len(memory.messages)]
    start = memory.start

    def shown(each: BaseMessage, seq: int) -> views.MessageView:
        return views.message_view(seq, each, None, tokens=count([each]))

    backlog = [shown(each, start + at) for at, each in enumerate(memory.messages[: memory.backlog])]
    window = [shown(each, start + at) for at, each in enumerate(memory.messages[memory.backlog :], memory.backlog)]
    parts = (
        PromptPart("Summary", "What older messages said, as one message", [shown(each, -1) for each in said]),
        PromptPart("Waiting", "Older than the window, and not in the summary yet: word for word", backlog),
        PromptPart("Window", "The newest messages, word for word", window),
    )
    return [part for part in parts if part.messages]
