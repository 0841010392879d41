"""Requests for the facts about a user, and parsers of their responses. Pure: sends nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from langchain_motorhead.backends.http import protocol
from langchain_motorhead.backends.http.protocol import NOT_OURS, HttpAnswer, HttpCall, HttpFlow
from langchain_motorhead.exceptions import StoreError, UnknownFactError, UnsupportedError
from langchain_motorhead.facts.learning.report import LearningReport, report_from_data
from langchain_motorhead.facts.model import Fact
from langchain_motorhead.facts.reading import FactQuery
from langchain_motorhead.facts.records import from_data
from langchain_motorhead.storage.keys import SessionKeys

if TYPE_CHECKING:
    from langchain_motorhead.backends.facts import Owner


class RemoteFacts:
    """The `FactFlows` of a user, or of a session without one, on a server. The original server has none of them.

    Args:
        owner: Whose facts they are.
        needs_ours: Returns a flow that raises `UnsupportedError` if the server is the original one.
    """

    def __init__(self, owner: Owner, needs_ours: Callable[[str], HttpFlow[None]]) -> None:
        place, id_ = ("users", owner.user_id) if owner.user_id is not None else ("sessions", owner.session_id or "")
        self._path = f"/{place}/{protocol.quoted(id_)}"
        self._needs_ours = needs_ours

    def find(self, wanted: FactQuery) -> HttpFlow[list[Fact]]:
        """Return facts. See `FactFlows.find`."""
        yield from self._needs_ours("facts")
        query = {"k": str(min(wanted.k or _MOST, _MOST)), "superseded": "true" if wanted.superseded else "false"}
        if wanted.query:
            query["query"] = wanted.query
        if wanted.as_of is not None:
            query["as_of"] = wanted.as_of.isoformat()
        answer = yield HttpCall("GET", f"{self._path}/facts", query)
        listed = protocol.to_mapping(answer).get("facts")
        if not isinstance(listed, list):
            raise StoreError(NOT_OURS)
        return [from_data(each) for each in listed]

    def remember(
        self, text: str, *, subject: str, attribute: str, valid_from: datetime | None, valid_until: datetime | None
    ) -> HttpFlow[Fact]:
        """Store a fact that a person states. See `FactFlows.remember`."""
        yield from self._needs_ours("facts")
        times = {"valid_from": valid_from, "valid_until": valid_until}
        given = {"text": text, "subject": subject, "attribute": attribute}
        given |= {name: time.isoformat() for name, time in times.items() if time is not None}
        answer = yield HttpCall("POST", f"{self._path}/facts", {}, orjson.dumps(given))
        return _fact(answer)

    def correct(self, fact_id: str, text: str) -> HttpFlow[Fact]:
        """Put a fact in the place of another one. See `FactFlows.correct`."""
        yield from self._needs_ours("facts")
        path = f"{self._path}/facts/{protocol.quoted(_checked(fact_id))}"
        return _fact((yield HttpCall("PUT", path, {}, orjson.dumps({"text": text}))))

    def forget(self, fact_id: str) -> HttpFlow[bool]:
        """Remove a fact. See `FactFlows.forget`."""
        yield from self._needs_ours("facts")
        answer = yield HttpCall("DELETE", f"{self._path}/facts/{protocol.quoted(_checked(fact_id))}")
        return protocol.to_mapping(answer).get("deleted") is True

    def profile(self, max_tokens: int) -> HttpFlow[str]:
        """Return the most important facts as text. See `FactFlows.profile`."""
        yield from self._needs_ours("facts")
        answer = yield HttpCall("GET", f"{self._path}/profile", {"max_tokens": str(max_tokens)})
        return str(protocol.to_mapping(answer).get("profile", ""))

    def counts(self) -> HttpFlow[dict[str, int]]:
        """Raise: the server shows what it counts in its metrics."""
        raise UnsupportedError("the server shows what learning has cost in its metrics, at /metrics")


def learn(keys: SessionKeys, needs_ours: Callable[[str], HttpFlow[None]]) -> HttpFlow[LearningReport]:
    """Learn facts from the messages of a session, on the server. See `Backend.learn`.

    Raises:
        LearningError: The learner of the server failed.
        StoreError: The response is not one of a Motorhead server.
    """
    yield from needs_ours("learning facts")
    answer = yield HttpCall("POST", protocol.path(keys, "learn"), protocol.user(keys), slow=True)
    try:
        return report_from_data(protocol.to_mapping(answer))
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(NOT_OURS) from error


_MOST = 1_000


def _fact(answer: HttpAnswer) -> Fact:
    data: Any = protocol.to_mapping(answer)
    return from_data(data)


def _checked(fact_id: object) -> str:
    if not isinstance(fact_id, str) or not fact_id:
        raise UnknownFactError(f"there is no fact {fact_id!r:.80}")
    return fact_id
