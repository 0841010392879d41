"""How much of each prompt a provider finds in its cache: the share that is a prefix of the prompt before, and the cost.

    python benchmarks/prompts.py [DIALOGUES.jsonl ...] [--windows 12 24 48] [--turns 100] [--json FILE]

An agent plays generated dialogues (60 words a message), and those of files: one JSON object a line with `messages`,
each with `role` ("human", "ai") and `content`; short dialogues are joined. Each dialogue is a thread of its own. The
summarizer appends the first quarter of each message, and seldom condenses.

- `share`: characters of a prompt that are a prefix of the prompt before, of all characters.
- `bound`: the same for a layout that loses nothing but what it must: the newest turn is new, and after a compaction
  only the system message and the old summary are left.
- `in system`: what `share` would be with the same summary and the same newest lines in the system message.
- Costs are in thousand input tokens of full price, at the published prices: Anthropic takes 1.25 for what is written to
  its cache and 0.1 for what is read from it, and finds whole blocks up to a mark; OpenAI takes 0.1 for what it finds,
  and nothing for writing. Both cache from 1,024 tokens on; 1,500 tokens of tools stand before each prompt. Summaries
  are counted, an answer's token as five.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware import SummarizationMiddleware
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from measuring import server, tell, write
from pydantic import Field

from langchain_motorhead import HashingEmbeddings, Motorhead, MotorheadMiddleware, Window
from langchain_motorhead.flows.protocol import SummaryInput
from langchain_motorhead.messages.tokens import count_tokens

SYSTEM = "You are a helpful assistant. Answer briefly, and ask if you do not know."
SHORTER, SUMMARY_WORDS, CONDENSED_CHARS = 4, 160, 6_000
TOOLS, LEAST, CHARS = 1_500, 1_024, 4
READ, WRITE, ANSWER = 0.1, 1.25, 5
OURS = ("summary", "recalled", "continued")

Said = list[tuple[str, str]]
"""Questions and answers."""


class Player(BaseChatModel):
    """Answers as a dialogue does, and keeps its prompts."""

    answers: list[str]
    prompts: list[list[BaseMessage]] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "player"

    def _generate(self, messages: list[BaseMessage], *args: Any, **options: Any) -> ChatResult:
        self.prompts.append(messages)
        return ChatResult(generations=[ChatGeneration(message=AIMessage(self.answers[len(self.prompts) - 1]))])


class Scribe(BaseChatModel):
    """Summarizes for `SummarizationMiddleware`, anew each time."""

    costs: list[float] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "scribe"

    def _generate(self, messages: list[BaseMessage], *args: Any, **options: Any) -> ChatResult:
        said = AIMessage(" ".join(str(messages[-1].text).split()[-SUMMARY_WORDS:]))
        self.costs.append(count_tokens(messages) + ANSWER * count_tokens([said]))
        return ChatResult(generations=[ChatGeneration(message=said)])


def main() -> None:
    """Play, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("dialogues", nargs="*", type=Path)
    parser.add_argument("--windows", type=int, nargs="+", default=[12, 24, 48])
    parser.add_argument("--turns", type=int, default=100)
    parser.add_argument("--count", type=int, default=3, help="how many dialogues of each source")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures to")
    options = parser.parse_args()
    sources = {"generated": [generated(options.turns, at) for at in range(options.count)]}
    for path in options.dialogues:
        sources[path.stem] = list(read(path, options.turns, options.count))
    found: dict[str, Any] = {}
    with server(None) as url:
        for name, dialogues in sources.items():
            shares, costs = dict[str, Any](), dict[str, Any]()
            costs["everything"] = cost(*everything(dialogues))
            for window in options.windows:
                costs[f"SummarizationMiddleware, {window}"] = cost(*summarized(dialogues, window))
                for recall in (0, 3):
                    threads, spent = ours(url, dialogues, window, recall)
                    row = f"window {window}, recall {recall}"
                    shares[row] = {
                        "share": share(threads),
                        "bound": bound(threads),
                        "in system": share([in_system(each) for each in threads]),
                    }
                    costs[f"motorhead, {row}"] = cost(threads, spent)
                    costs[f"in system, {row}"] = cost([in_system(each) for each in threads], spent)
            tell(f"Prefixes, {name}", ("share", "bound", "in system"), shares)
            tell(f"Costs, {name}", ("OpenAI", "Anthropic", "Anthropic, marked", "no cache"), costs)
            found[name] = {"shares": shares, "costs": costs}
    write(options.json, found)


def generated(turns: int, seed: int) -> Said:
    """Make a dialogue of 60 words a message."""
    chance = random.Random(seed)  # noqa: S311 - words
    letters = "eeeeaaiioouttnnsrhldcumfpgwybvkxjqz"
    words = ["".join(chance.choices(letters, k=chance.randint(2, 9))) for _ in range(3_000)]
    return [(sentences(chance.choices(words, k=60)), sentences(chance.choices(words, k=60))) for _ in range(turns)]


def sentences(words: Sequence[str]) -> str:
    """Write words as sentences of ten words."""
    return " ".join(f"{' '.join(words[at : at + 10]).capitalize()}." for at in range(0, len(words), 10))


def read(path: Path, turns: int, count: int) -> Iterator[Said]:
    """Read dialogues, and join those that follow each other until they have so many turns."""
    said: Said = []
    for line in path.read_text(encoding="utf-8").splitlines():
        messages = [each for each in json.loads(line)["messages"] if each["role"] != "tool" and each["content"]]
        said += [
            (one["content"], other["content"])
            for one, other in pairwise(messages)
            if (one["role"], other["role"]) == ("human", "ai")
        ]
        if len(said) >= turns:
            yield said[:turns]
            said, count = [], count - 1
            if count == 0:
                return


def ours(url: str, dialogues: Sequence[Said], window: int, recall: int) -> tuple[list[list[list[BaseMessage]]], float]:
    """Play with the middleware. Give the prompts of each thread, and what the summaries cost."""
    spent: list[float] = []

    def summarize(given: SummaryInput) -> str:
        before, said = given["summary"], " ".join(str(each.text) for each in given["messages"])
        new = " ".join(f"{told(each)}." for each in given["messages"])
        spent.append(count_tokens([HumanMessage(f"{before}{said}")]) + ANSWER * count_tokens([AIMessage(new)]))
        kept = "" if before is None else before
        if len(kept) > CONDENSED_CHARS:  # condensed, which is rare
            kept = kept[: len(kept) // 3].rpartition("\n\n")[0]
        return f"{kept}\n\n{new}" if kept else new

    with Motorhead.from_url(
        url,
        namespace=f"{window} {recall} {id(dialogues)}",
        llm=RunnableLambda(summarize),
        window=Window(max_messages=window),
        compaction="inline",
        summary_tokens=2_000,
        embeddings=HashingEmbeddings() if recall else None,
    ) as motorhead:
        middleware = MotorheadMiddleware(motorhead, recall=recall)
        return [play(said, middleware, f"t{at}") for at, said in enumerate(dialogues)], sum(spent)


def told(message: BaseMessage) -> str:
    """Give the beginning of a message."""
    words = str(message.text).split()
    return " ".join(words[: max(3, len(words) // SHORTER)]).rstrip(".?!")


def summarized(dialogues: Sequence[Said], window: int) -> tuple[list[list[list[BaseMessage]]], float]:
    """Play with LangChain's own middleware."""
    scribe = Scribe(costs=[])
    other = SummarizationMiddleware(scribe, trigger=("messages", window + 1), keep=("messages", window // 2))
    return [play(said, other, f"t{at}") for at, said in enumerate(dialogues)], sum(scribe.costs)


def play(said: Said, middleware: Any, thread: str) -> list[list[BaseMessage]]:
    """Let an agent play a dialogue, and give its prompts."""
    player = Player(answers=[answer for _, answer in said], prompts=[])
    agent: Any = create_agent(player, [], system_prompt=SYSTEM, middleware=[middleware], checkpointer=InMemorySaver())
    for question, _ in said:
        agent.invoke({"messages": [HumanMessage(question)]}, {"configurable": {"thread_id": thread}})
    return player.prompts


def everything(dialogues: Sequence[Said]) -> tuple[list[list[list[BaseMessage]]], float]:
    """Give the prompts without a memory: all of the conversation."""
    threads = []
    for said in dialogues:
        messages: list[BaseMessage] = [HumanMessage(SYSTEM)]
        prompts = []
        for question, answer in said:
            messages = [*messages, HumanMessage(question)]
            prompts.append(messages)
            messages = [*messages, AIMessage(answer)]
        threads.append(prompts)
    return threads, 0.0


def kind(message: BaseMessage) -> str:
    """Give what a message of memory is: "summary", "recalled", or nothing."""
    name = str(message.id).split("-", 2)[-1] if str(message.id).startswith("motorhead-") else ""
    return next((each for each in OURS if name.startswith(each)), "")


def in_system(prompts: Sequence[Sequence[BaseMessage]]) -> list[list[BaseMessage]]:
    """Give prompts as they were with everything remembered in the system message."""
    made = []
    for prompt in prompts:
        newest = prompt[-2] if len(prompt) > 2 and kind(prompt[-2]) == "recalled" else None
        told = [str(each.text) for each in prompt if kind(each) == "summary"] + ([str(newest.text)] if newest else [])
        rest = [each for each in prompt[1:] if not kind(each)]
        made.append([HumanMessage("\n\n".join([SYSTEM, *told])), *rest])
    return made


def blocks(prompt: Sequence[BaseMessage], *, split: bool = False) -> list[str]:
    """Give a prompt as the texts that a provider compares, the summary by paragraphs if so said."""
    made = []
    for message in prompt:
        text = f"\n{'human' if message.type == 'system' else message.type}: {message.text}"
        made += [f"{each}\n\n" for each in text.split("\n\n")] if split and kind(message) == "summary" else [text]
    return made


def common(before: Sequence[BaseMessage], prompt: Sequence[BaseMessage]) -> int:
    """Count the characters at the beginning of a prompt that are those of another."""
    one, other = "".join(blocks(before)), "".join(blocks(prompt))
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def size(prompt: Sequence[BaseMessage]) -> int:
    """Count the characters of a prompt."""
    return len("".join(blocks(prompt)))


def share(threads: Sequence[Sequence[Sequence[BaseMessage]]]) -> float:
    """Give the share of all characters that are a prefix of the prompt before."""
    pairs = [pair for prompts in threads for pair in pairwise(prompts)]
    return sum(common(*pair) for pair in pairs) / sum(size(prompt) for _, prompt in pairs)


def bound(threads: Sequence[Sequence[Sequence[BaseMessage]]]) -> float:
    """Give the largest share that any layout of the same parts can have."""
    most = total = 0
    for before, prompt in (pair for prompts in threads for pair in pairwise(prompts)):
        total += size(prompt)
        ids = {message.id for message in prompt}
        if all(message.id in ids for message in before if not kind(message)):  # no compaction
            most += min(size(before), size(prompt))
        else:
            most += size([before[0], *(message for message in before if kind(message) == "summary")])
    return most / total


def cost(threads: Sequence[Sequence[Sequence[BaseMessage]]], spent: float) -> dict[str, float]:
    """Give what the prompts and the summaries cost, in thousand input tokens of full price."""
    prices = dict.fromkeys(("OpenAI", "Anthropic", "Anthropic, marked", "no cache"), spent)
    for prompts in threads:
        for before, prompt in pairwise([[], *prompts]):
            whole = TOOLS + size(prompt) / CHARS
            found = TOOLS + common(before, prompt) / CHARS if before else 0.0
            prices["no cache"] += whole
            prices["OpenAI"] += whole - (1 - READ) * (found if found >= LEAST else 0)
            for name, split in (("Anthropic", False), ("Anthropic, marked", True)):
                read = TOOLS + marked(before, prompt, split=split) / CHARS if before else 0.0
                prices[name] += READ * read + WRITE * (whole - read)
    return {name: round(price / 1_000, 1) for name, price in prices.items()}


def marked(before: Sequence[BaseMessage], prompt: Sequence[BaseMessage], *, split: bool) -> int:
    """Count the characters that Anthropic finds: up to a mark of the prompt before, whose blocks are all there again.

    Marks are at the end of the system message and of the prompt, and, if so said, of the summary.
    """
    old, new = blocks(before, split=split), blocks(prompt, split=split)
    pairs = enumerate(zip(old, new, strict=False))
    same = next((at for at, (one, other) in pairs if one != other), min(len(old), len(new)))
    has_mark = split and len(before) > 1 and kind(before[1]) == "summary"
    summary = len(blocks(before[:2], split=True)) - 1 if has_mark else 0
    ends = [end for end in (1, summary, len(old)) if 0 < end <= same]
    return len("".join(new[: max(ends, default=0)]))


if __name__ == "__main__":
    main()
