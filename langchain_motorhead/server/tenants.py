"""Who is calling: from an API key to the namespace that it is bound to, and the `Motorhead` of that."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Mapping
from typing import TypeAlias

from starlette.requests import HTTPConnection

from langchain_motorhead import Motorhead, Window
from langchain_motorhead.concurrency.fair_semaphore import FairSemaphore
from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.server import model_factory as models
from langchain_motorhead.server.errors import UnauthorizedError
from langchain_motorhead.server.settings import Settings
from langchain_motorhead.server.summarizer import ThreadedSummarizer, threaded_summarizer

logger = logging.getLogger(__name__)

# Seconds for what was cut off to give its leases back, and for connections to be closed.
_LAST = 2.0

MakeMotorhead: TypeAlias = Callable[[str], Motorhead]


class Tenants:
    """The tenants of a server. Making them does no I/O.

    Args:
        settings: Which there are.
        given: The only tenant's `Motorhead`, which stays the caller's to close; or what makes one of a namespace.

    Raises:
        InvalidInputError: A setting cannot be used.
    """

    def __init__(self, settings: Settings, given: Motorhead | MakeMotorhead | None = None) -> None:
        self._keys = {_digest(key): namespace for key, namespace in (settings.api_keys or {}).items()}
        self._owned = not isinstance(given, Motorhead)
        self._summarizer: object = None
        if isinstance(given, Motorhead):
            if self._keys:
                raise InvalidInputError("api_keys are of several namespaces: give motorhead= as a function of them")
            self._default: Motorhead | None = given
            self._all: Mapping[str, Motorhead] = {given.namespace: given}
            return
        self._summarizer = None if given else threaded_summarizer(models.summarizer(settings))
        make = given or _maker(settings, self._summarizer)
        self._all = {name: make(name) for name in sorted(set(self._keys.values()) or {settings.namespace})}
        self._default = None if self._keys else self.any

    @property
    def open_to_all(self) -> bool:
        """Whether no key is asked for."""
        return self._default is not None

    @property
    def any(self) -> Motorhead:
        """One of them, to ask whether Redis is there."""
        return next(iter(self._all.values()))

    @property
    def pending(self) -> int:
        """Summaries and indexing under way, or waiting."""
        return sum(motorhead.backend.require_redis().maintenance.background.pending for motorhead in self._all.values())

    def of(self, request: HTTPConnection) -> Motorhead:
        """Give the tenant of a request.

        Raises:
            UnauthorizedError: It has no key, or one that is not known.
        """
        if self._default is not None:
            return self._default
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        key = token.strip() if scheme.lower() == "bearer" else request.headers.get("x-metal-api-key", "")
        # By its digest, so that how long it takes tells nothing of the keys.
        namespace = self._keys.get(_digest(key)) if key else None
        if namespace is None:
            raise UnauthorizedError("give an API key, as Authorization: Bearer KEY or as x-metal-api-key")
        return self._all[namespace]

    async def close(self, seconds: float) -> None:
        """Wait for the work in flight, but no longer than some seconds. What is cut off stays due."""
        ends = [motorhead.aclose() if self._owned else motorhead.aflush() for motorhead in self._all.values()]
        closing = [asyncio.ensure_future(each) for each in ends]
        _, late = await asyncio.wait(closing, timeout=seconds)
        if late:
            logger.warning("summaries are cut off by the end of the server; nothing is lost, and they stay due")
            for motorhead in self._all.values():
                motorhead.backend.require_redis().maintenance.background.cancel()
            await asyncio.wait(late, timeout=_LAST)
        if isinstance(self._summarizer, ThreadedSummarizer):
            await self._summarizer.close()


def _maker(settings: Settings, summarizer: object) -> MakeMotorhead:
    window = Window(settings.max_window_size, settings.max_window_tokens, settings.hard_limit)
    embedder = models.embeddings(settings)
    semaphore = FairSemaphore(settings.max_concurrency)

    def make(namespace: str) -> Motorhead:
        motorhead = Motorhead.from_url(
            settings.redis_url,
            namespace=namespace,
            window=window,
            llm=summarizer,
            embeddings=embedder,
            ttl=settings.ttl,
            summary_timeout=settings.summary_timeout,
            max_concurrency=settings.max_concurrency,
        )
        motorhead.backend.require_redis().maintenance.semaphore = semaphore  # one limit for all of them
        return motorhead

    return make


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
