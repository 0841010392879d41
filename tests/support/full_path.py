"""What becomes of a message after a session has accepted it, without a server: all that reads it later, in a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage

from langchain_motorhead import ExtractiveSummarizer, InvalidMessageError, Recall, Window
from langchain_motorhead.messages.approximate_tokens import approximate_tokens
from langchain_motorhead.messages.codec import decode_all, encode, loads
from langchain_motorhead.messages.provider_rules import acceptable
from langchain_motorhead.messages.text import message_text
from langchain_motorhead.recall.indexing.documents import to_drafts
from langchain_motorhead.sessions.append import AppendConfig, to_record
from langchain_motorhead.sessions.compaction.window import plan
from langchain_motorhead.sessions.gap import extract
from langchain_motorhead.sessions.load import Memory
from langchain_motorhead.summarizers.prompting import build_prompt
from langchain_motorhead.transfer.json_records import records_of
from langchain_motorhead.transfer.jsonl import next_line
from support.providers import refusals

EPOCH = "0123456789abcdef"


def count(messages: Sequence[BaseMessage]) -> int:
    """Count tokens, as where no tokenizer is at hand."""
    return sum(approximate_tokens(message_text(each)) + 3 for each in messages)


CONFIG = AppendConfig(count=count, counted=True, ttl=0, one_slot=True)


def accepted(given: Sequence[Any]) -> list[bytes]:
    """Give the records of those that a session accepts."""
    records = []
    for each in given:
        try:
            records.append(to_record(each, CONFIG).data)
        except InvalidMessageError:
            continue
    return records


def is_for_all(message: BaseMessage) -> bool:
    """Tell whether a message has only what every provider knows: texts and calls, and no block of one provider."""
    blocks = [each for each in message.content if isinstance(each, dict)] if isinstance(message.content, list) else []
    return all(each.get("type") == "text" for each in blocks)


def read_back(records: Sequence[bytes]) -> None:
    """Write messages as a line of an export, and read them as an import does."""
    assert [loads(each) for each in records_of(loads(next_line("s", 0, list(records))))] == [*map(loads, records)]


def follow(records: Sequence[bytes]) -> None:
    """Read, count, plan, summarize, show, search and export messages that were accepted.

    Raises:
        Exception: Something of that fails, or a provider's package does on the prompt.
    """
    skipped = list[Any]()
    messages = decode_all(records, EPOCH, 0, lambda *why: skipped.append(why))
    known = [each for each in messages if each is not None]
    assert not skipped, skipped
    later = [HumanMessage(f"later {at}", id=f"later-{at}") for at in range(9)]
    for window in (Window(max_messages=2), Window(max_messages=2, max_tokens=2)):
        for batch in plan([*messages, *later], len(messages) + 9, window, 40, count):
            for part in batch.chunks:
                build_prompt("Summarize.", None, part, "Summary:")
                ExtractiveSummarizer().invoke({"summary": None, "messages": part, "max_tokens": 60})
    extract(known, 200)
    memory = Memory(summary="s", messages=known, total=len(known), epoch=EPOCH)
    memory.as_messages()
    shown = acceptable([HumanMessage("hi"), *filter(is_for_all, known), HumanMessage("ho")])
    failed = [each for each in refusals(shown) if "package raises" in each]
    assert not failed, failed
    to_drafts(messages, 0, [], Recall(roles=("human", "ai", "tool", "system", "function", "chat")), count)
    read_back(records)
    for message, record in zip(known, records, strict=True):
        again = decode_all([encode(message)], EPOCH, 0, lambda *why: skipped.append(why))[0]
        assert again is not None, record
        assert message_text(again) == message_text(message)
