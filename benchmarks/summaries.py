"""What summaries cost: calls and tokens of a model for 1,000 messages, by window, beside other ways to remember.

    python benchmarks/summaries.py [--messages 1000] [--windows 6 12 24 48] [--json FILE]

A person and a model take turns. For each answer the model is sent what it remembers: `prompts` counts those tokens.
`summaries` counts what the summarizer is sent and answers, prompt included, `calls` how often it is asked. The
summarizer here answers with every sixth word of what it is given, up to 200 words; the sum tells more than its parts,
since a smaller window costs calls, and a larger one prompts. Tokens that a provider caches are not told apart.

- `everything`: no memory but the transcript.
- `last 12`: forgets the rest.
- `each turn`: a summary, and the last 12 messages; when one leaves them, it is folded in.
- `again`: the same, but the summary is made of the whole transcript each time.
- `motorhead, N`: this package with a window of N messages, on a Redis of its own.

Then how many messages a second go through compaction, where the summarizer takes no time.
"""

from __future__ import annotations

import argparse
import random
import re
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.outputs import ChatResult
from measuring import server, tell, write

from langchain_motorhead import Motorhead, Window, create_summarizer
from langchain_motorhead.messages.tokens import count_tokens
from langchain_motorhead.summarizers.prompting import PROMPT

COLUMNS = ("calls", "summaries", "prompts", "in all", "to everything")
KEPT = 12
WORDS = ["".join(random.Random(at).choices("abdegiklmnoprstu", k=7)) for at in range(500)]  # noqa: S311 - words to count
KNOWN = frozenset(WORDS)
SUMMARY = " ".join(WORDS[:80])  # as long as the summarizer's


class Scribe(GenericFakeChatModel):
    """A chat model that repeats some of the words of its input, and counts the tokens that it reads and writes."""

    asked: list[int]
    answered: list[int]

    def __init__(self) -> None:
        super().__init__(messages=iter(()), asked=[], answered=[])

    def _generate(self, messages: list[BaseMessage], *args: Any, **options: Any) -> ChatResult:
        self.asked.append(count_tokens(messages))
        given = " ".join(message.text for message in messages)
        words = list(dict.fromkeys(word for word in re.findall(r"[a-z]+", given) if word in KNOWN))
        answer = AIMessage(" ".join(words[:: max(6, len(words) // 200)]))
        self.answered.append(count_tokens([answer]))
        self.messages = iter([answer])
        return super()._generate(messages, *args, **options)


def main() -> None:
    """Count, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--messages", type=int, default=1_000)
    parser.add_argument("--windows", type=int, nargs="+", default=[6, 12, 24, 48])
    parser.add_argument("--folded", type=int, default=10_000, help="messages that go through compaction")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures to")
    options = parser.parse_args()
    said = conversation(options.messages)
    rows: dict[str, dict[str, Any]] = {}
    rows["everything"] = row(0, 0, sum(sizes_of(said[:at]) for at in range(1, len(said), 2)))
    rows[f"last {KEPT}"] = row(0, 0, sum(sizes_of(said[max(0, at - KEPT) : at]) for at in range(1, len(said), 2)))
    rows["each turn"] = each_turn(said, again=False)
    rows["again"] = each_turn(said, again=True)
    with ExitStack() as stack:
        url = stack.enter_context(server(None))
        for window in options.windows:
            rows[f"motorhead, {window}"] = ours(url, said, window)
        rate = throughput(url, options.folded)
    for each in rows.values():
        each["to everything"] = each["in all"] / rows["everything"]["in all"]
    tell(f"Tokens of a model for {options.messages:,} messages", COLUMNS, rows)
    print(f"compaction: {rate:,.0f} messages a second")
    write(options.json, {"tokens": rows, "compacted a second": rate})


def conversation(count: int) -> list[BaseMessage]:
    """Make messages of 5 to 120 words."""
    chance = random.Random(0)  # noqa: S311 - words to count
    texts = [" ".join(chance.choices(WORDS, k=chance.randint(5, 120))) for _ in range(count)]
    return [AIMessage(text) if at % 2 else HumanMessage(text) for at, text in enumerate(texts)]


_sizes: dict[int, int] = {}


def sizes_of(messages: Sequence[BaseMessage]) -> int:
    """Count the tokens of messages, each once."""
    for message in messages:
        if id(message) not in _sizes:
            _sizes[id(message)] = count_tokens([message])
    return sum(_sizes[id(message)] for message in messages)


def row(calls: int, summaries: int, prompts: int) -> dict[str, Any]:
    """Make a row of the table."""
    return {"calls": calls, "summaries": summaries, "prompts": prompts, "in all": summaries + prompts}


def each_turn(said: Sequence[BaseMessage], *, again: bool) -> dict[str, Any]:
    """Count for a summary that is made whenever a message leaves the window."""
    summary, instruction = count_tokens([SystemMessage(SUMMARY)]), count_tokens([SystemMessage(PROMPT)])
    calls = summaries = prompts = 0
    for at in range(1, len(said), 2):
        leaving = max(0, at - KEPT)
        if leaving > max(0, at - 2 - KEPT):
            calls += 1
            new = sizes_of(said[:leaving] if again else said[max(0, at - 2 - KEPT) : leaving])
            summaries += instruction + new + summary * (1 if again else 2)
        prompts += sizes_of(said[leaving:at]) + (summary if leaving else 0)
    return row(calls, summaries, prompts)


def ours(url: str, said: Sequence[BaseMessage], window: int) -> dict[str, Any]:
    """Let the package do it."""
    scribe, prompts = Scribe(), 0
    with Motorhead.from_url(
        url, namespace=f"cost {window}", window=Window(max_messages=window), llm=scribe, compaction="inline"
    ) as motorhead:
        session = motorhead.session("s")
        for at in range(0, len(said) - 1, 2):
            session.append(said[at])
            prompts += count_tokens(session.load().as_messages())
            session.append(said[at + 1])
    return row(len(scribe.asked), sum(scribe.asked) + sum(scribe.answered), prompts)


def throughput(url: str, count: int) -> float:
    """Fold messages of sessions that were written without a summary, by a model that answers at once."""
    with Motorhead.from_url(url, namespace="fold", llm=create_summarizer(Scribe()), compaction="manual") as motorhead:
        sessions = [motorhead.session(f"s{at}") for at in range(count // 100)]
        for session in sessions:
            session.append(conversation(100))
        started = time.perf_counter()
        folded = sum(session.compact().summarized for session in sessions)
        return folded / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
