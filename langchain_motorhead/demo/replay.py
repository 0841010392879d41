"""Replaying dialogues as sessions, all at once, and reading them back. Fills in `Run`s, and shows nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import uuid4

from langchain_core.messages import AIMessage

from langchain_motorhead.client import Motorhead
from langchain_motorhead.demo.audit import Balance, Recorder, balance, committed
from langchain_motorhead.demo.dialogues import Dialogue, turns
from langchain_motorhead.messages.tokens import count_tokens
from langchain_motorhead.sessions.load import Memory
from langchain_motorhead.sessions.window import Window
from langchain_motorhead.summarizers.extractive import ExtractiveSummarizer
from langchain_motorhead.summarizers.llm import resolve_summarizer

if TYPE_CHECKING:
    from langchain_motorhead.options import Options

IN_MEMORY = "embedded://"
# To read back all of a session, also where summarizing failed all along.
_EVERYTHING = 1_000_000
# Seconds after which sessions on a server of the user's own expire, should the demo be killed.
_TTL = 3_600.0
# Answers after which the next session begins: people do not come all at once.
_STAGGER = 0.4
# Whose sessions they are, so that they can be deleted together.
_USER = "motorhead-demo"


@dataclass(frozen=True, slots=True)
class Settings:
    """How to replay.

    Attributes:
        url: Redis to work on.
        window: Messages to keep verbatim.
        llm: Name of the model that summarizes; None for the extractive summarizer.
        delay: Seconds until the pretended model answers.
    """

    url: str = IN_MEMORY
    window: int = 12
    llm: str | None = None
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen of a session at one instant.

    Attributes:
        accepted: Messages stored so far.
        window: Messages kept verbatim. A model is given them all, unless summarizing is far behind.
        summarized: Messages that the summary covers.
        prompt: Tokens that a model is given.
        transcript: Tokens of all messages stored so far.
    """

    accepted: int = 0
    window: int = 0
    summarized: int = 0
    prompt: int = 0
    transcript: int = 0


@dataclass(slots=True)
class Run:
    """A dialogue being replayed, and what was seen of it so far.

    Attributes:
        dialogue: What is replayed.
        in_step: Whether each append waits for its summary, and no model is pretended: for measuring, not for watching.
        accepted: Marks of the messages that were stored.
        transcript: Tokens of these.
        memory: As it was last read.
        sights: One for each model call, and one of the end.
        balance: What became of the messages, once they were read back.
    """

    dialogue: Dialogue
    in_step: bool = False
    accepted: list[str] = field(default_factory=list)
    transcript: int = 0
    memory: Memory = field(default_factory=Memory)
    sights: list[Sight] = field(default_factory=list)
    balance: Balance | None = None

    @property
    def latest(self) -> Sight:
        """What was seen last."""
        return self.sights[-1] if self.sights else Sight()


async def replay(settings: Settings, runs: Sequence[Run]) -> None:
    """Replay each run's dialogue as a session of its own, all at once; then read them back and draw their balance.

    The sessions are in a namespace of their own. Where they would outlive the process, they are deleted.

    Args:
        settings: How to.
        runs: What to replay. Changed while it goes on.

    Raises:
        MotorheadError: Redis cannot be reached, or refuses; or the model cannot be made.
    """
    recorder = Recorder(
        ExtractiveSummarizer(token_counter=count_tokens)
        if settings.llm is None
        else resolve_summarizer(settings.llm, "--llm", count_tokens)
    )
    await asyncio.to_thread(count_tokens.prepare)
    options: Options = {
        "llm": recorder,
        "window": Window(max_messages=settings.window),
        "namespace": f"motorhead-demo-{uuid4().hex}",
        "ttl": None if settings.url == IN_MEMORY else _TTL,
    }
    at_step: Options = {**options, "compaction": "inline"}
    reading: Options = {**options, "window": Window(max_messages=settings.window, hard_limit=_EVERYTHING)}
    async with (
        Motorhead.from_url(settings.url, **options) as motorhead,
        Motorhead.from_url(settings.url, **at_step) as in_step,
        Motorhead.from_url(settings.url, **reading) as reader,
    ):
        await motorhead.asessions()  # one error, and not one for each session, if there is no server
        try:
            await _all_at_once(
                _replay_one(in_step if run.in_step else motorhead, run, settings.delay, late=at * _STAGGER)
                for at, run in enumerate(runs)
            )
            await motorhead.aflush()
            for run in runs:
                await _look(motorhead, run)
                await _read_back(reader, recorder, run)
        finally:
            if settings.url != IN_MEMORY:
                await motorhead.adelete_user(_USER)


async def _all_at_once(jobs: Iterable[Coroutine[None, None, None]]) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(job)
    except ExceptionGroup as errors:  # the first says what is wrong, the rest repeat it
        raise errors.exceptions[0] from None


async def _replay_one(motorhead: Motorhead, run: Run, delay: float, *, late: float) -> None:
    session = motorhead.session(run.dialogue.name, _USER)
    if run.in_step:
        delay = 0.0
    await asyncio.sleep(late * delay)
    for turn in turns(run.dialogue):
        if isinstance(turn[0], AIMessage):  # here an application would call its model
            await _look(motorhead, run)
            await asyncio.sleep(delay)
        await session.aappend(turn)
        run.accepted.extend(str(message.id) for message in turn)
        run.transcript += count_tokens(turn)


async def _look(motorhead: Motorhead, run: Run) -> None:
    run.memory = await motorhead.session(run.dialogue.name).aload()
    run.sights.append(
        Sight(
            accepted=len(run.accepted),
            window=run.memory.total - run.memory.summarized,
            summarized=run.memory.summarized,
            prompt=count_tokens(run.memory.as_messages()),
            transcript=run.transcript,
        )
    )


async def _read_back(reader: Motorhead, recorder: Recorder, run: Run) -> None:
    memory = await reader.session(run.dialogue.name).aload()
    summarized = committed(recorder.calls_of(run.dialogue.name), memory.summary)
    window = [str(message.id) for message in memory.messages]
    run.balance = balance(run.accepted, summarized, window, memory.summarized)
