"""`User`: what is known about one user: facts, read and searched, stated, corrected and forgotten, sync and async."""

from __future__ import annotations

import json
from collections.abc import Generator
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from langchain_motorhead.backends.base import Backend, BackendFlow
from langchain_motorhead.backends.facts import Owner
from langchain_motorhead.facts.editing import DEFAULT_ATTRIBUTE
from langchain_motorhead.facts.model import USER
from langchain_motorhead.facts.reading import PROFILE_TOKENS, FactQuery, check_tokens
from langchain_motorhead.facts.records import to_data
from langchain_motorhead.messages.codec import encode
from langchain_motorhead.sessions.archive.transcript import Transcript, join_pages
from langchain_motorhead.storage.keys import SessionKeys, session_keys

if TYPE_CHECKING:
    from langchain_motorhead.facts.model import Fact

# Messages of a page when a user is exported.
_PAGE_MESSAGES = 500


class User:
    """What is known about one user, from all of the user's sessions.

    `Motorhead.user` returns one, without any I/O. Facts are learned in the background if the `Motorhead` has the option
    `facts`. Without it, what was learned and stated before can be read and changed.

    Example:
        ```python
        bob = motorhead.user("bob")
        bob.remember("Is allergic to nuts")
        print(bob.profile(max_tokens=200))
        ```
    """

    def __init__(self, backend: Backend, user_id: str | None = None, session_id: str | None = None) -> None:
        self._backend = backend
        self._owner = Owner(user_id, session_id)
        self._flows = backend.facts_of(self._owner)

    def __repr__(self) -> str:
        owner = f"session_id={self._owner.session_id!r}" if self.user_id is None else repr(self.user_id)
        return f"User({owner}, namespace={self._backend.namespace!r}, {type(self._backend).__name__})"

    @property
    def user_id(self) -> str | None:
        """Id of the user. None if these are the facts of a session without a user."""
        return self._owner.user_id

    def facts(
        self,
        query: str | None = None,
        k: int | None = None,
        *,
        as_of: datetime | None = None,
        superseded: bool = False,
    ) -> list[Fact]:
        """Return facts: those that a person stated first, then the newest; with a query those that match it best first.

        Args:
            query: What the facts should be about. None for all. With an embedding model, all are ranked by meaning and
                words. Without one, those are returned that share words with it.
            k: How many facts to return at most. None for all.
            as_of: A time with a time zone. The facts are those that held then, as far as is known today.
            superseded: Whether to return also facts that were superseded or retracted.

        Raises:
            InvalidInputError: An argument cannot be used.
            StoreError: Redis refused, or could not be reached.
        """
        return self._backend.run(self._flows.find(FactQuery(query, k, as_of, superseded)))

    async def afacts(
        self,
        query: str | None = None,
        k: int | None = None,
        *,
        as_of: datetime | None = None,
        superseded: bool = False,
    ) -> list[Fact]:
        """Return facts. See `facts`."""
        if query is not None:
            await self._backend.prepare()
        return await self._backend.arun(self._flows.find(FactQuery(query, k, as_of, superseded)))

    def remember(
        self,
        text: str,
        *,
        subject: str = USER,
        attribute: str = DEFAULT_ATTRIBUTE,
        valid_from: datetime | None = None,
        valid_until: datetime | None = None,
    ) -> Fact:
        """Store a fact that a person states. It is pinned: no model can change it, only `correct` and `forget` can.

        Args:
            text: The fact, in a sentence.
            subject: Whom or what it is about.
            attribute: What it says of the subject, such as `"home town"`.
            valid_from: Time from which it holds.
            valid_until: Time until which it holds.

        Returns:
            The fact. If there was one that says the same, that one, which is pinned now.

        Raises:
            InvalidInputError: An argument cannot be used.
            StoreError: Redis refused, or could not be reached.
        """
        return self._backend.run(self._remember(text, subject, attribute, valid_from, valid_until))

    async def aremember(
        self,
        text: str,
        *,
        subject: str = USER,
        attribute: str = DEFAULT_ATTRIBUTE,
        valid_from: datetime | None = None,
        valid_until: datetime | None = None,
    ) -> Fact:
        """Store a fact that a person states. See `remember`."""
        return await self._backend.arun(self._remember(text, subject, attribute, valid_from, valid_until))

    def correct(self, fact_id: str, text: str) -> Fact:
        """Put a fact that a person states in the place of another one. It is pinned, and the other one is superseded.

        Args:
            fact_id: Id of the fact that is wrong, or does not hold any more.
            text: What holds instead.

        Returns:
            The new fact, with the subject and attribute of the other one.

        Raises:
            UnknownFactError: There is no such fact, or it holds no longer.
            InvalidInputError: The text cannot be used.
            StoreError: Redis refused, or could not be reached.
        """
        return self._backend.run(self._flows.correct(fact_id, text))

    async def acorrect(self, fact_id: str, text: str) -> Fact:
        """Put a fact that a person states in the place of another one. See `correct`."""
        return await self._backend.arun(self._flows.correct(fact_id, text))

    def forget(self, fact_id: str) -> bool:
        """Remove a fact for good. Facts that it had superseded hold again.

        The messages that stated it stay. `Session.delete` removes them, and what was learned from them.

        Returns:
            Whether the fact existed.

        Raises:
            StoreError: Redis refused, or could not be reached.
        """
        return self._backend.run(self._flows.forget(fact_id))

    async def aforget(self, fact_id: str) -> bool:
        """Remove a fact for good. See `forget`."""
        return await self._backend.arun(self._flows.forget(fact_id))

    def profile(self, max_tokens: int = PROFILE_TOKENS) -> str:
        """Return what is most important to know about the user, as text for a prompt. One round trip.

        Facts that a person stated come first, then the newest ones, each on a line, as many as fit.

        Args:
            max_tokens: Tokens that the text may have.

        Returns:
            The text. It is empty if nothing is known.

        Raises:
            InvalidInputError: `max_tokens` is below 1.
            StoreError: Redis refused, or could not be reached.
        """
        return self._backend.run(self._flows.profile(check_tokens(max_tokens)))

    async def aprofile(self, max_tokens: int = PROFILE_TOKENS) -> str:
        """Return what is most important to know about the user, as text for a prompt. See `profile`."""
        await self._backend.prepare()
        return await self._backend.arun(self._flows.profile(check_tokens(max_tokens)))

    def counts(self) -> dict[str, int]:
        """Return what learning facts about this user has cost and done, such as `tokens:facts` and `rejected:quote`.

        Raises:
            StoreError: Redis refused, or could not be reached.
        """
        return self._backend.run(self._flows.counts())

    async def acounts(self) -> dict[str, int]:
        """Return what learning facts about this user has cost and done. See `counts`."""
        return await self._backend.arun(self._flows.counts())

    def sessions(self) -> list[str]:
        """Return the ids of the user's sessions, the one that was active last first.

        Raises:
            StoreError: Redis refused, or could not be reached.
        """
        return self._backend.run(self._listing())

    async def asessions(self) -> list[str]:
        """Return the ids of the user's sessions. See `sessions`."""
        return await self._backend.arun(self._listing())

    def delete(self) -> int:
        """Delete all sessions of the user, and all facts about the user.

        Returns:
            How many sessions were deleted.

        Raises:
            StoreError: Redis refused, or could not be reached.
        """
        return self._backend.run(self._deletion())

    async def adelete(self) -> int:
        """Delete all sessions of the user, and all facts about the user. See `delete`."""
        return await self._backend.arun(self._deletion())

    def export(self) -> dict[str, Any]:
        """Return all that is stored about the user, as objects of JSON.

        Returns:
            `user_id`; `facts`, superseded ones too, with their sources; and `sessions`, each with its `session_id`, its
            `summary` and its `messages`, which have `seq`, `time` and `message`.

        Raises:
            StoreError: Redis refused, or could not be reached.
        """
        return self._backend.run(self._export())

    async def aexport(self) -> dict[str, Any]:
        """Return all that is stored about the user, as objects of JSON. See `export`."""
        return await self._backend.arun(self._export())

    def _export(self) -> BackendFlow[dict[str, Any]]:
        facts = yield from self._flows.find(FactQuery(superseded=True))
        sessions = list[dict[str, Any]]()
        for session_id in (yield from self._listing()):
            keys = session_keys(self._backend.namespace, session_id, self.user_id)
            memory = yield from self._backend.load(keys)
            read = partial(_page, self._backend, keys)
            said = yield from join_pages(read, 0, None)
            messages = [
                {
                    "seq": each.seq,
                    "time": None if each.time is None else each.time.isoformat(),
                    "message": json.loads(encode(each.message)),
                }
                for each in said
            ]
            sessions.append({"session_id": session_id, "summary": memory.summary, "messages": messages})
        return {"user_id": self.user_id, "facts": [to_data(fact) for fact in facts], "sessions": sessions}

    def _remember(
        self,
        text: str,
        subject: str,
        attribute: str,
        valid_from: datetime | None,
        valid_until: datetime | None,
    ) -> BackendFlow[Fact]:
        return self._flows.remember(
            text, subject=subject, attribute=attribute, valid_from=valid_from, valid_until=valid_until
        )

    def _listing(self) -> BackendFlow[list[str]]:
        if self.user_id is None:
            return _returning([self._owner.session_id or ""])
        return self._backend.sessions(self.user_id, page=1, size=None, newest_first=True)

    def _deletion(self) -> BackendFlow[int]:
        if self.user_id is None:
            return _counted(self._backend.delete(session_keys(self._backend.namespace, self._owner.session_id or "")))
        return self._backend.delete_user(self.user_id)


def _page(
    backend: Backend, keys: SessionKeys, start: int, stop: int | None, epoch: str | None
) -> BackendFlow[Transcript]:
    return backend.transcript(keys, start, stop, _PAGE_MESSAGES, epoch)


def _returning(result: list[str]) -> Generator[Any, Any, list[str]]:
    yield from ()
    return result


def _counted(flow: BackendFlow[bool]) -> BackendFlow[int]:
    return int((yield from flow))
