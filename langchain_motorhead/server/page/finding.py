"""Views that need a model or its tokenizer: the search, and what the model would see of a session."""

from __future__ import annotations

from langchain_motorhead.recall.query import Query
from langchain_motorhead.server.page import views
from langchain_motorhead.server.page.visit import Answer, Visit

_HITS = 20
_MAX_QUERY_CHARS = 1_000


_PARTS = {"summary": "Summary", "gap": "Read from the archive", "window": "Window"}


async def search(visit: Visit) -> Answer:
    """Search messages of a session, of a user, or of the namespace."""
    text, session_id, user = visit.query("q")[:_MAX_QUERY_CHARS], visit.query("id"), visit.query("user")
    backend, hits = visit.backend, list[views.HitView]()
    searchable = backend.maintenance.indexer is not None
    if text.strip() and searchable:
        await backend.prepare()
        found = await visit.motorhead._asearch(Query(text, _HITS, session_id=session_id or None, user_id=user or None))
        language = backend.recall.recall.language
        hits = [views.hit_view(each, text, language) for each in found]
    values = {"q": text, "id": session_id, "user": user, "hits": hits, "searchable": searchable}
    return "search", {**values, "tab": "search", "here": "search"}


async def prompt(visit: Visit) -> Answer:
    """Show what memory adds to the next prompt, with tokens."""
    keys = visit.keys()
    explained = await visit.motorhead.session(keys.session_id).aexplain()
    messages = [views.message_view(-1, each, None) for each in explained.messages]
    tokens = [(_PARTS.get(name, name), count) for name, count in explained.tokens.items() if count]
    values = {"messages": messages, "tokens": tokens, "total": explained.total, "tab": "prompt"}
    return "prompt", {"id": keys.session_id, **values, "instructions": views.cut(explained.instructions)}
