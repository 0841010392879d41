"""The replay: stores dialogues as concurrent sessions, and reads them back. It fills in `Run`s and prints nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from uuid import uuid4

from langchain_core.messages import AIMessage

from langchain_motorhead.client import Motorhead
from langchain_motorhead.demo.audit import Balance, Recorder, balance, committed
from langchain_motorhead.demo.dialogues import Dialogue, turns
from langchain_motorhead.demo.remembered import Remembered, drop_index, look_back
from langchain_motorhead.messages.text import transcript
from langchain_motorhead.messages.tokens import count_tokens
from langchain_motorhead.sessions.checks.keeping import kept
from langchain_motorhead.sessions.compaction.window import Window
from langchain_motorhead.sessions.load import Memory
from langchain_motorhead.summarizers.creating import resolve_summarizer

if TYPE_CHECKING:
    from langchain_motorhead.options import Options

IN_MEMORY = "embedded://"
# A limit high enough to read back a whole session, even if every summary failed.
_READ_ALL_MESSAGES = 1_000_000
# Sessions on the user's own server expire after this time, in case the demo is killed.
_TTL_SECONDS = 3_600.0
# Each session starts this many model delays after the one before.
_STAGGER_DELAYS = 0.4
# User of the sessions, so that they can be deleted together.
_USER = "motorhead-demo"


@dataclass(frozen=True, slots=True)
class ReplaySettings:
    """ReplaySettings of a replay.

    Attributes:
        url: URL of the Redis to use.
        window: How many messages a session keeps verbatim.
        llm: Name of the model that summarizes, or None for the extractive summarizer.
        delay: Seconds until a simulated model answers.
        model: The model that summarizes. None to build it by its name.
    """

    url: str = IN_MEMORY
    window: int = 12
    llm: str | None = None
    delay: float = 0.0
    model: object = None


@dataclass(frozen=True, slots=True)
class Sight:
    """Measurements of a session at one moment.

    Attributes:
        accepted: How many messages were stored so far.
        window: How many messages are kept verbatim. The prompt has them all, unless summarizing is far behind.
        summarized: How many messages the summary covers.
        prompt: Tokens of the prompt.
        transcript: Tokens of all messages stored so far.
    """

    accepted: int = 0
    window: int = 0
    summarized: int = 0
    prompt: int = 0
    transcript: int = 0


@dataclass(slots=True)
class Run:
    """A dialogue that is being replayed, and the measurements so far.

    Attributes:
        dialogue: The dialogue.
        in_step: Whether each append waits for its summary and no model is simulated, as the plot needs it.
        accepted: Ids of the messages that were stored.
        transcript: Tokens of these messages.
        memory: The memory as it was last read.
        sights: One measurement for each model call, and one at the end.
        balance: Where the messages are, after they were read back.
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
        """The latest measurement."""
        return self.sights[-1] if self.sights else Sight()


async def replay(settings: ReplaySettings, runs: Sequence[Run]) -> Remembered:
    """Replay each run's dialogue as a session of its own, all concurrently; then read them back and audit them.

    The sessions are in a namespace of their own. On a server that outlives the process, they are deleted afterwards.

    Args:
        settings: ReplaySettings of the replay.
        runs: The runs, which are updated during the replay.

    Returns:
        What recall finds in the sessions, and a fact that is learned from the first one.

    Raises:
        MotorheadError: Redis cannot be reached or refuses, or there is no such model.
    """
    recorder = Recorder()
    model = (
        None if settings.llm is None else resolve_summarizer(settings.model or settings.llm, "--model", count_tokens)
    )
    await asyncio.to_thread(count_tokens.prepare)
    options: Options = {
        "llm": model,
        "window": Window(max_messages=settings.window),
        "namespace": f"motorhead-demo-{uuid4().hex}",
        "ttl": None if settings.url == IN_MEMORY else _TTL_SECONDS,
    }
    at_step: Options = {**options, "compaction": "inline"}
    reading: Options = {**options, "window": Window(max_messages=settings.window, hard_limit=_READ_ALL_MESSAGES)}
    async with (
        Motorhead.from_url(settings.url, **options) as motorhead,
        Motorhead.from_url(settings.url, **at_step) as in_step,
        Motorhead.from_url(settings.url, **reading) as reader,
    ):
        for each in (motorhead, in_step):
            maintenance = each.backend.require_redis().maintenance
            maintenance.compactor = replace(maintenance.compactor, on_summary=recorder)
        await motorhead.asessions()  # raises one error instead of one for each session if there is no server
        try:
            await _all_at_once(
                _replay_one(in_step if run.in_step else motorhead, run, settings.delay, late=at * _STAGGER_DELAYS)
                for at, run in enumerate(runs)
            )
            await motorhead.aflush()
            for run in runs:
                await _look(motorhead, run)
                await _read_back(reader, recorder, run)
            return await look_back(settings.url, options, runs[0].dialogue.name, _USER)
        finally:
            if settings.url != IN_MEMORY:
                await motorhead.adelete_user(_USER)
                await drop_index(motorhead)


async def _all_at_once(jobs: Iterable[Coroutine[None, None, None]]) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(job)
    except ExceptionGroup as errors:  # the others repeat the first
        raise errors.exceptions[0] from None


async def _replay_one(motorhead: Motorhead, run: Run, delay: float, *, late: float) -> None:
    session = motorhead.session(run.dialogue.name, _USER)
    if run.in_step:
        delay = 0.0
    await asyncio.sleep(late * delay)
    for turn in turns(run.dialogue):
        if isinstance(turn[0], AIMessage):  # an application would call its model here
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
    summarized = committed(recorder.of(run.dialogue.name), memory.summary)
    window = [str(message.id) for message in memory.messages]
    moved = [message for message in run.dialogue.messages if message.id in set(summarized)]
    known = f"{memory.summary or ''}\n{transcript(memory.messages)}"
    stored = await reader.session(run.dialogue.name).atranscript()
    run.balance = replace(
        balance(run.accepted, summarized, window, memory.summarized),
        kept=kept(known, moved),
        readable=kept(transcript([each.message for each in stored]), moved),
        extracts=int(memory.written_by == "extract"),
    )
