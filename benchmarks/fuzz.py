"""Feeds the package messages that a coverage-guided fuzzer makes up. Each is a message, or an error of ours.

    python benchmarks/fuzz.py -max_total_time=60

Takes libFuzzer's options. What comes back is written again, and has to read as the same. What a session would accept
is counted, planned, summarized, put into prompts of each provider, made into documents, exported and imported. Needs
atheris, which is on no list of this project's: `make fuzz` installs it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import atheris

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
with atheris.instrument_imports(include=["langchain_motorhead"]):
    from langchain_motorhead.exceptions import InvalidMessageError
    from langchain_motorhead.messages.codec import decode, encode
    from langchain_motorhead.messages.text import message_text
    from support.full_path import accepted, follow


ROLES = ["Human", "AI", "tool", "system", "function", "user", "x"]
KEYS = (
    "id name type extra tool_calls invalid_tool_calls additional_kwargs usage_metadata value response_metadata "
    "tool_call_id status artifact $type args text function name id input thinking"
).split()
TEXTS = ["", "int", "float", "bytes", "map", "document", "chat", "remove", "nan", "0x", "error", "\ud800"]


def value(source: atheris.FuzzedDataProvider, depth: int = 0) -> Any:
    """Make up a value of JSON, of words that the format knows."""
    kind = source.ConsumeIntInRange(0, 6 if depth < 6 else 4)
    if kind < 5:
        return (
            None,
            source.ConsumeBool(),
            source.ConsumeInt(9),
            source.ConsumeUnicode(8),
            source.PickValueInList(TEXTS),
        )[kind]
    if kind == 5:
        return [value(source, depth + 1) for _ in range(source.ConsumeIntInRange(0, 3))]
    keys = (source.PickValueInList(KEYS) for _ in range(source.ConsumeIntInRange(0, 3)))
    return {key: value(source, depth + 1) for key in keys}


def one(data: bytes) -> None:
    """Read what may be a record, as it is or made of it."""
    if data[:1] < b"\x80":
        source = atheris.FuzzedDataProvider(data[1:])
        record = {"role": source.PickValueInList(ROLES), "content": source.ConsumeUnicode(8)}
        record |= {
            source.PickValueInList([*KEYS, "content"]): value(source) for _ in range(source.ConsumeIntInRange(0, 4))
        }
        data = json.dumps(record).encode()
    try:
        message = decode(data)
    except InvalidMessageError:
        return
    message_text(message)
    try:
        written = encode(message)
    except InvalidMessageError:  # deeper than what is written, or of fields that only a stranger writes
        return
    if encode(decode(written)) != written:
        raise AssertionError(data)
    follow(accepted([message]))


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
