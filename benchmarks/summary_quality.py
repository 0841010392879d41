"""How good summaries are: what they keep of real dialogues, by a model and without one, and what they cost.

    python benchmarks/summary_quality.py [DIALOGUES.jsonl] [--model openai:gpt-4o-mini] [--json FILE]

Each dialogue is replayed into a session; the summary is compared with the messages that it covers. A line of the file
is a dialogue: an object with `messages`, each with `role` (`human`, `ai`, `tool`) and `content`. Without a file, the
dialogues of the demo are replayed. `--small-model build/small-model/bin/python` measures the model of `make real`.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from measuring import tell, write

from langchain_motorhead import Motorhead, Window
from langchain_motorhead.demo.dialogues import load_dialogues
from langchain_motorhead.messages.text import transcript
from langchain_motorhead.sessions.checks.details import Text, unsaid_numbers
from langchain_motorhead.sessions.checks.keeping import kept

NOTE = """\
numbers, names: share of those that left the window which the summary keeps. said: share of its words that were said.
size, largest: of the summary, as a share of what it covers, on average and at most. invented: numbers that were
never said. answers, rejected: of the model. extracts: summaries with extracts. tokens: of the model."""
_WORD = re.compile(r"[^\W\d_]{4,}")
NO_MODEL = "no model"
COLUMNS = (
    "numbers", "names", "said", "size", "largest", "invented", "answers", "rejected", "extracts", "tokens", "slowest",
)  # fmt: skip


@dataclass
class Measured:
    """What the summary of one dialogue is worth."""

    numbers: float
    names: float
    said: float
    size: float
    invented: int
    slowest: float
    extract: bool
    tokens: int
    answers: int = 0
    accepted: int = 0
    rejected: dict[str, int] = field(default_factory=dict)


def dialogues(path: Path | None, least: int, most: int) -> Iterator[list[BaseMessage]]:
    """Read the dialogues that are long enough, from a file or from those of the demo."""
    found: Iterable[list[BaseMessage]]
    if path is None:
        found = ([message.model_copy(update={"id": None}) for message in each.messages] for each in load_dialogues())
    else:
        lines = path.read_text("utf-8").splitlines()
        found = ([_message(each) for each in json.loads(line)["messages"]] for line in lines)
    long = [messages for messages in found if len(messages) >= least]
    yield from long[:most]


def _message(data: dict[str, object]) -> BaseMessage:
    text = str(data["content"])
    if data["role"] == "human":
        return HumanMessage(text)
    if data["role"] == "tool":
        return ToolMessage(text, tool_call_id=str(data["tool_call_id"]), name=str(data.get("name", "tool")))
    return AIMessage(text, tool_calls=data.get("tool_calls") or [])


def measure(motorhead: Motorhead, name: str, messages: list[BaseMessage]) -> Measured | None:
    """Replay a dialogue, turn by turn, and measure its summary. None if there is none."""
    session, slowest, rejected, answers, accepted = motorhead.session(name), 0.0, dict[str, int](), 0, 0
    for message in messages:
        session.append(message)
        started = time.perf_counter()
        report = session.compact()
        slowest = max(slowest, time.perf_counter() - started)
        answers += report.account.answers
        accepted += report.account.accepted
        for reason, count in report.rejected.items():
            rejected[str(reason)] = rejected.get(str(reason), 0) + count
    memory = session.load()
    if memory.summary is None:
        return None
    covered = messages[: memory.summarized]
    source = transcript(covered)
    found = kept(memory.summary, covered)
    stems = {word.lower()[:5] for word in _WORD.findall(source)}
    words = [word.lower()[:5] for word in _WORD.findall(memory.summary)]
    return Measured(
        numbers=found.numbers / found.numbers_said if found.numbers_said else 1.0,
        names=found.names / found.names_said if found.names_said else 1.0,
        said=sum(word in stems for word in words) / len(words) if words else 1.0,
        size=len(memory.summary) / len(source),
        invented=len(unsaid_numbers(Text(memory.summary), Text(source))),
        slowest=slowest,
        extract=memory.written_by == "extract",
        tokens=memory.tokens,
        answers=answers,
        accepted=accepted,
        rejected=rejected,
    )


def row(measured: list[Measured]) -> dict[str, object]:
    """Return one row of the table."""
    values = (
        fmean(each.numbers for each in measured), fmean(each.names for each in measured),
        fmean(each.said for each in measured), fmean(each.size for each in measured),
        max(each.size for each in measured), sum(each.invented for each in measured),
        sum(each.answers for each in measured), sum(each.answers - each.accepted for each in measured),
        sum(each.extract for each in measured), sum(each.tokens for each in measured),
        max(each.slowest for each in measured),
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def main() -> None:
    """Print one row for the extractive summarizer, and one for each model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dialogues", type=Path, nargs="?", help="a file of dialogues; without it, those of the demo")
    parser.add_argument("--model", action="append", default=[], help="name of a model, such as openai:gpt-4o-mini")
    parser.add_argument("--small-model", metavar="PYTHON", help="Python that has the model of make real")
    parser.add_argument("--most", type=int, default=12, help="dialogues to replay")
    parser.add_argument("--least", type=int, default=24, help="messages that a dialogue must have")
    parser.add_argument("--window", type=int, default=12)
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds that a call of the model may take")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    given = parser.parse_args()
    rows: dict[str, dict[str, object]] = {}
    figures: dict[str, list[dict[str, object]]] = {}
    with ExitStack() as stack:
        models: dict[str, object] = {NO_MODEL: None, **{name: name for name in given.model}}
        if given.small_model:
            models["SmolLM2-135M-Instruct"] = stack.enter_context(_small(given.small_model))
        for name, model in models.items():
            options: dict[str, object] = {"llm": model, "window": Window(max_messages=given.window)}
            motorhead = stack.enter_context(
                Motorhead.from_url("embedded://", compaction="manual", summary_timeout=given.timeout, **options)
            )
            found = enumerate(dialogues(given.dialogues, given.least, given.most))
            measured = [each for at, messages in found if (each := measure(motorhead, f"{name}-{at}", messages))]
            rows[name], figures[name] = row(measured), [asdict(each) for each in measured]
            for reason in sorted({reason for each in measured for reason in each.rejected}):
                count = sum(each.rejected.get(reason, 0) for each in measured)
                print(f"{name}: {count} answers rejected as {reason!r}", flush=True)
    tell("summaries by", COLUMNS, rows, NOTE)
    write(given.json, {"rows": rows, "dialogues": figures})


@contextmanager
def _small(python: str) -> Iterator[object]:
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from langchain_openai import ChatOpenAI

    from support.small_model import serving

    with serving(python) as url:
        yield ChatOpenAI(model="smollm2", base_url=url, api_key="none", timeout=300)


if __name__ == "__main__":
    main()
