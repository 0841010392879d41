"""Tenants: maps an API key to its namespace, and to the `Motorhead` that serves this namespace."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from starlette.requests import HTTPConnection

from langchain_motorhead import Facts, Motorhead, Recall, Window
from langchain_motorhead.concurrency.deferred import Deferred
from langchain_motorhead.concurrency.fair_semaphore import FairSemaphore
from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.runtime.telemetry import Meter
from langchain_motorhead.server import model_factory as models
from langchain_motorhead.server.http.errors import UnauthorizedError
from langchain_motorhead.server.settings import Settings

if TYPE_CHECKING:
    from langchain_motorhead.runtime.maintenance import Maintenance

logger = logging.getLogger(__name__)

# Time for cancelled summaries to release their leases, and for connections to close.
_CANCEL_SECONDS = 2.0

MakeMotorhead: TypeAlias = Callable[[str], Motorhead]


class Tenants:
    """The tenants of a server. The constructor does no I/O.

    Args:
        settings: Settings of the server, with the API keys.
        given: The `Motorhead` of the only tenant, which the caller closes; or a function that returns the `Motorhead`
            of a namespace.

    Raises:
        InvalidInputError: A setting cannot be used.
    """

    def __init__(self, settings: Settings, given: Motorhead | MakeMotorhead | None = None) -> None:
        self._keys = {to_digest(key): namespace for key, namespace in (settings.api_keys or {}).items()}
        self._owned = not isinstance(given, Motorhead)
        self._summarizer: Deferred[object] | None = None
        if isinstance(given, Motorhead):
            if self._keys:
                raise InvalidInputError(
                    "with api_keys, motorhead= must be a function that returns the Motorhead of a namespace"
                )
            self._default: Motorhead | None = given
            self._all: Mapping[str, Motorhead] = {given.namespace: given}
            return
        if given is None:
            self._summarizer = _summarizer(settings)
            given = _maker(settings, self._summarizer)
        make = given
        self._all = {name: make(name) for name in sorted(set(self._keys.values()) or {settings.namespace})}
        self._default = None if self._keys else self.any

    @property
    def open_to_all(self) -> bool:
        """Whether requests need no API key."""
        return self._default is not None

    @property
    def any(self) -> Motorhead:
        """Any tenant, to check whether Redis answers."""
        return next(iter(self._all.values()))

    @property
    def digests(self) -> Iterable[bytes]:
        """Digests of all API keys."""
        return self._keys.keys()

    @property
    def pending(self) -> int:
        """Number of background jobs that run or wait: summaries and indexing."""
        return sum(each.background.pending for each in self._maintenances)

    @property
    def vectors_missing(self) -> int:
        """Number of messages that lack a vector, of the sessions that this process has tried to embed."""
        return sum(each.vectors_missing for each in self._maintenances)

    @property
    def summary_answers(self) -> Mapping[str, int]:
        """How many answers of the summarizing model there were, by what became of them."""
        return sum((Counter(each.statistics.counts) for each in self._maintenances), Counter[str]())

    @property
    def learned(self) -> Mapping[str, int]:
        """What was learned since the start, and what it has cost."""
        learning = (each.learning for each in self._maintenances)
        return sum((Counter(each.counts) for each in learning if each is not None), Counter[str]())

    @property
    def summary_tokens(self) -> int:
        """Tokens that summaries have used since the start."""
        return sum(each.statistics.tokens for each in self._maintenances)

    def measure(self, meter: Meter) -> None:
        """Let what all tenants do be measured from now on."""
        for each in self._maintenances:
            each.driver.telemetry.meter = meter

    def of(self, request: HTTPConnection) -> Motorhead:
        """Return the `Motorhead` of the tenant that sent a request.

        Raises:
            UnauthorizedError: The API key is missing or unknown.
        """
        if self._default is not None:
            return self._default
        digest = sent_digest(request)
        motorhead = None if digest is None else self.of_digest(digest)
        if motorhead is None:
            raise UnauthorizedError("send a valid API key as Authorization: Bearer KEY or as x-metal-api-key: KEY")
        return motorhead

    def of_digest(self, digest: bytes) -> Motorhead | None:
        """Return the `Motorhead` that a key gives access to, or None if there is no such key.

        Args:
            digest: Digest of the key. Keys are looked up by it, so that the time it takes reveals nothing about them.
        """
        namespace = self._keys.get(digest)
        return None if namespace is None else self._all[namespace]

    async def close(self, seconds: float) -> None:
        """Wait for background work, and close what this object created.

        Args:
            seconds: How long to wait. Summaries that take longer are cancelled; another server makes them later.
        """
        ends = [motorhead.aclose() if self._owned else motorhead.aflush() for motorhead in self._all.values()]
        closing = [asyncio.ensure_future(each) for each in ends]
        _, late = await asyncio.wait(closing, timeout=seconds)
        if late:
            logger.warning(
                "the server stops before all summaries are done; those are cut off. No message is lost, and the next "
                "write to a session summarizes it"
            )
            for each in self._maintenances:
                each.background.cancel()
            await asyncio.wait(late, timeout=_CANCEL_SECONDS)
        if self._summarizer is not None and self._summarizer.is_made:
            summarizer: Any = self._summarizer.get()
            if hasattr(summarizer, "close"):
                await summarizer.close()

    def build_models(self) -> None:
        """Build the models. It imports their libraries, which takes a second or two.

        Raises:
            InvalidInputError: A model cannot be built.
        """
        for each in self._maintenances:
            each.build_models()

    def warm_up(self) -> None:
        """Build the models, and import what later requests need. It takes seconds, so call it in a thread.

        Raises:
            InvalidInputError: A model cannot be built.
        """
        for each in self._maintenances:
            each.warm_up()

    @property
    def _maintenances(self) -> Iterator[Maintenance]:
        return (each.backend.require_redis().maintenance for each in self._all.values())


def _summarizer(settings: Settings) -> Deferred[object]:
    model = models.summarizer(settings)

    def build() -> object:
        from langchain_motorhead.server.summarizer import threaded_summarizer

        return threaded_summarizer(None if model is None else model.get(), settings.summary_tokens)

    return Deferred(build)


def _maker(settings: Settings, summarizer: Deferred[object]) -> MakeMotorhead:
    window = Window(settings.max_window_size, settings.max_window_tokens, settings.hard_limit)
    embedder = models.embeddings(settings)
    facts = Facts(llm=models.learner(settings), timeout=settings.summary_timeout) if settings.facts else None
    semaphore = FairSemaphore(settings.max_concurrency)

    def make(namespace: str) -> Motorhead:
        motorhead = Motorhead.from_url(
            settings.redis_address,
            namespace=namespace,
            window=window,
            archive=settings.archive,
            llm=summarizer,
            embeddings=None if embedder is None else embedder.model,
            recall=None if embedder is None else Recall(model=embedder.name),
            facts=facts,
            ttl=settings.ttl,
            summary_timeout=settings.summary_timeout,
            summary_tokens=settings.summary_tokens,
            max_concurrency=settings.max_concurrency,
        )
        maintenance = motorhead.backend.require_redis().maintenance
        maintenance.semaphore = semaphore  # one limit for all of them
        if maintenance.learning is not None:
            maintenance.learning.semaphore = semaphore
        return motorhead

    return make


def sent_digest(request: HTTPConnection) -> bytes | None:
    """Return the digest of the API key in the headers of a request, or None if there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    key = token.strip() if scheme.lower() == "bearer" else request.headers.get("x-metal-api-key", "")
    return to_digest(key) if key else None


def to_digest(key: str) -> bytes:
    """Return the digest by which an API key is looked up."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
