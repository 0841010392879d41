"""Making summaries again: with which summarizer, by which driver."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from hashlib import blake2b
from typing import TYPE_CHECKING

from langchain_motorhead.concurrency.deferred import Deferred
from langchain_motorhead.concurrency.jobs import Work, lease_token
from langchain_motorhead.exceptions import InvalidInputError, MotorheadError
from langchain_motorhead.flows.protocol import Flow, Writer
from langchain_motorhead.models.summarizer_client import name_of
from langchain_motorhead.runtime import watched
from langchain_motorhead.runtime.driver import Driver
from langchain_motorhead.sessions.summaries.rebuilding import Rebuilder, RebuildReport, rebuild
from langchain_motorhead.storage.keys import SessionKeys
from langchain_motorhead.summarizers.creating import budget_of, create_summarizer, resolve_summarizer
from langchain_motorhead.summarizers.llm import Summarizer

if TYPE_CHECKING:
    from langchain_motorhead.runtime.maintenance import Maintenance

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], object]
"""Called with the number of messages that a new summary covers, and of those that it has to cover."""


class Rebuild:
    """One task of making a session's summary again. It can be run in a thread or on an event loop, and again.

    Args:
        maintenance: What compacts the sessions.
        keys: Keys of the session.
        summarizer: Writes the summary, as the option `llm` takes it. None for the one that compacts the sessions.
        prompt: Instruction for the model, as `create_summarizer` takes it. None for the summarizer's own.
        on_progress: Called after each batch.

    Raises:
        InvalidInputError: There is no such summarizer, there is no model for the prompt, `prompt` is no string, or
            `on_progress` no function.
    """

    def __init__(
        self,
        maintenance: Maintenance,
        keys: SessionKeys,
        summarizer: object = None,
        prompt: str | None = None,
        on_progress: Progress | None = None,
    ) -> None:
        if on_progress is not None and not callable(on_progress):
            raise InvalidInputError(f"on_progress must be a function of two numbers, not {type(on_progress).__name__}")
        self._maintenance, self._keys = maintenance, keys
        writing, driver = maintenance.compactor.writing, maintenance.driver
        client = driver.summarizer.get()
        asked = client.summarizers[Writer.MODEL]
        if summarizer is not None:
            asked = resolve_summarizer(summarizer, "summarizer", writing.count, writing.summary_tokens)
        if prompt is not None:
            asked = _with_prompt(asked, prompt, writing.summary_tokens)
        if summarizer is not None or prompt is not None:
            client = replace(client, summarizers={**client.summarizers, Writer.MODEL: asked})
            writing = replace(writing, budget=budget_of(asked) * 3 // 4, has_model=True)
        kind = blake2b(f"{type(asked).__name__} {name_of(asked)} {prompt}".encode("utf-8", "replace"), digest_size=8)
        self._driver = Driver(driver.executor, Deferred.of(client), driver.embedder, telemetry=driver.telemetry)
        self._rebuilder = Rebuilder(writing, kind.hexdigest(), on_progress)

    def run(self, *, wait: bool = True) -> RebuildReport | None:
        """Make the summary again, in this thread. See `sessions.summaries.rebuilding.rebuild`.

        Args:
            wait: If not, it is made in the background, and None returned. An error is logged, and the old summary stays
                in use.
        """
        if not wait:
            self._maintenance.background.submit(self._keys.rebuild, self._work().run)
            return None
        with self._maintenance.semaphore.acquire(self._maintenance.namespace):
            return self._driver.run(self._flow())

    async def arun(self, *, wait: bool = True) -> RebuildReport | None:
        """Make the summary again, on this event loop. See `run`."""
        if not wait:
            self._maintenance.background.spawn(self._work())
            return None
        await self._maintenance.prepare()
        async with self._maintenance.semaphore.aacquire(self._maintenance.namespace):
            return await self._driver.arun(self._flow())

    def _work(self) -> Work:
        async def arun() -> None:
            try:
                await self.arun()
            except MotorheadError as error:
                self._log(error)

        def run() -> None:
            try:
                self.run()
            except MotorheadError as error:
                self._log(error)

        return Work(self._keys.rebuild, run, arun)

    def _log(self, error: MotorheadError) -> None:
        logger.warning(
            "session %r: the summary was not made again, and the old one stays in use: %s", self._keys.session_id, error
        )

    def _flow(self) -> Flow[RebuildReport]:
        flow = rebuild(self._keys, lease_token(), self._rebuilder)
        keys = self._keys
        return self._driver.telemetry.watch(watched.REBUILD, keys.namespace, keys.session_id, flow)


def _with_prompt(summarizer: object, prompt: str, tokens: int) -> Summarizer:
    """Return a summarizer that asks the same model with another instruction."""
    if not isinstance(prompt, str):
        raise InvalidInputError(f"prompt must be a string, not {type(prompt).__name__}")
    if not isinstance(summarizer, Summarizer):
        raise InvalidInputError("a prompt needs a model. Give one as summarizer=, or as the option llm")
    return create_summarizer(
        summarizer.model,
        prompt=prompt,
        max_input_tokens=summarizer.max_input_tokens,
        max_output_tokens=tokens,
        token_counter=summarizer.count,
    )
