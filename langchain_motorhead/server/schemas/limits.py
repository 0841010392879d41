"""Fixed limits of the REST API. Limits that an operator can change are in `settings.py`."""

from __future__ import annotations

MAX_PAGE_NUMBER = 100
"""Last page of a listing, unless the request says `full=true`. The original had the same limit."""

MAX_PAGE_SESSIONS = 1_000
"""Sessions on one page of a listing."""

MAX_INTEGER = 2**31
"""Largest whole number that a query parameter may hold."""

MAX_IDEMPOTENCY_KEY = 255
"""Characters of an `Idempotency-Key`."""

MAX_SEARCH_HITS = 1_000
"""Hits that `POST /search` may ask for."""

RETRIEVAL_HITS = 10
"""Hits that `POST /sessions/{session_id}/retrieval` returns at most, as the original did."""

MAX_NEIGHBORS = 20
"""Messages before and after a hit that `POST /search` may ask for."""

MAX_PAGE_MESSAGES = 1_000
"""Messages on a page of `GET /sessions/{session_id}/messages`."""

MAX_SEQ = 2**53 - 1
"""Largest sequence number of a message. JSON numbers are exact up to it."""
