"""How good summaries are: what they keep of real dialogues, by a model and without one, and what they cost.

Each dialogue is replayed into a session; the summary is compared with the messages that it covers.

    python benchmarks/summary_quality.py DIALOGUES.jsonl --model openai:gpt-4o-mini

A line of the file is a dialogue: an object with `messages`, each with `role` (`human`, `ai`, `tool`) and `content`.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from langchain_motorhead import Motorhead, Window
from langchain_motorhead.messages.text import transcript
from langchain_motorhead.sessions.details import Text, unsaid_numbers
from langchain_motorhead.sessions.keeping import kept

_WORD = re.compile(r"[^\W\d_]{4,}")


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
    rejected: dict[str, int] = field(default_factory=dict)


def dialogues(path: Path, least: int, most: int) -> Iterator[list[BaseMessage]]:
    """Read the dialogues that are long enough."""
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
    session, slowest, rejected = motorhead.session(name), 0.0, dict[str, int]()
    for message in messages:
        session.append(message)
        started = time.perf_counter()
        report = session.compact()
        slowest = max(slowest, time.perf_counter() - started)
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
        rejected=rejected,
    )


def main() -> None:
    """Print one row for the extractive summarizer, and one for each model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dialogues", type=Path)
    parser.add_argument("--model", action="append", default=[], help="name of a model, such as openai:gpt-4o-mini")
    parser.add_argument("--most", type=int, default=12, help="dialogues to replay")
    parser.add_argument("--least", type=int, default=24, help="messages that a dialogue must have")
    parser.add_argument("--window", type=int, default=12)
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds that a call of the model may take")
    given = parser.parse_args()
    print("| summaries by | numbers kept | names kept | words that were said | size of the source | largest | "
          "invented numbers | slowest compaction | extracts |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|")
    for model in (None, *given.model):
        rows, rejected = list[Measured](), dict[str, int]()
        window = Window(max_messages=given.window)
        with Motorhead.from_url(
            "embedded://", llm=model, window=window, compaction="manual", summary_timeout=given.timeout
        ) as motorhead:
            for at, messages in enumerate(dialogues(given.dialogues, given.least, given.most)):
                if measured := measure(motorhead, f"d{at}", messages):
                    rows.append(measured)
                    for reason, count in measured.rejected.items():
                        rejected[reason] = rejected.get(reason, 0) + count
        print(f"| {model or 'no model: extracts'} | {fmean(each.numbers for each in rows):.2f} "
              f"| {fmean(each.names for each in rows):.2f} | {fmean(each.said for each in rows):.2f} "
              f"| {fmean(each.size for each in rows):.2f} | {max(each.size for each in rows):.2f} "
              f"| {sum(each.invented for each in rows)} | {max(each.slowest for each in rows):.1f} s "
              f"| {sum(each.extract for each in rows)} of {len(rows)} |", flush=True)  # fmt: skip
        if rejected:
            print(f"\nRejected answers of {model}: {rejected}")


if __name__ == "__main__":
    main()
