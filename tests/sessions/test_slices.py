"""Long work is cut into parts, and what cannot be cut is done in a thread where an event loop runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from langchain_motorhead import HashingEmbeddings, Window
from langchain_motorhead.flows.protocol import Compute, Pause
from langchain_motorhead.messages import codec
from langchain_motorhead.sessions.slices import in_slices, rough_size
from support.factory import MakeMotorhead
from support.messages import numbered

LARGE = 300_000


def test_parts_are_small() -> None:
    """Many small items are worked on with pauses, a large one by a request of its own, and none is left out."""
    items = ["x"] * 250 + ["y" * LARGE] + ["z"] * 3
    flow = in_slices(items, len, lambda part: [each[0] for each in part])
    asked, answer = list[Any](), None
    results = list[str]()
    while not results:
        try:
            asked.append(flow.send(answer))
        except StopIteration as end:
            results = end.value
        else:
            answer = asked[-1].work() if isinstance(asked[-1], Compute) else None
    assert results == ["x"] * 250 + ["y"] + ["z"] * 3
    assert [type(each) for each in asked] == [Pause, Pause, Pause, Compute, Pause]


def test_a_rough_size_is_found_at_once() -> None:
    """A value with a million values in it is known to be large after a few thousand of them."""

    class Counted(list[Any]):
        seen = 0

        def __iter__(self) -> Any:
            for each in super().__iter__():
                Counted.seen += 1
                yield each

    assert rough_size({"a": ["b" * 1_000]}) in range(1_000, 1_300)
    assert rough_size([Counted([at] * 1_000) for at in range(1_000)]) > 250_000
    assert Counted.seen < 10_000


async def test_large_messages_do_not_occupy_the_event_loop(
    amake: MakeMotorhead, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Messages of a megabyte are written, read and parsed in other threads, small ones are not."""
    wrote, read = list[tuple[int, bool]](), list[tuple[int, bool]]()
    here, decode_all = threading.current_thread(), codec.decode_all

    def noted(encode: Callable[[Any], bytes | None]) -> Callable[[Any], bytes | None]:
        def encoded(message: Any) -> bytes | None:
            if (data := encode(message)) is not None:
                wrote.append((len(data), threading.current_thread() is here))
            return data

        return encoded

    def decoded(records: Any, *more: Any) -> Any:
        read.append((sum(map(len, records)), threading.current_thread() is here))
        return decode_all(records, *more)

    for each in (codec.encode, codec.encode_bare):
        monkeypatch.setattr(f"langchain_motorhead.sessions.append.{each.__name__}", noted(each))
    monkeypatch.setattr(codec, "decode_all", decoded)
    window = Window(max_messages=4, hard_limit_tokens=10**9)
    session = amake(window=window, embeddings=HashingEmbeddings(8), compaction="manual").session("s")
    deep = AIMessage("", tool_calls=[{"name": "t", "args": {"x": [1] * LARGE}, "id": "1"}])
    await session.aappend([*numbered(3), HumanMessage("x" * LARGE), deep, *numbered(4)])
    assert (await session.aload()).total == 9
    await session.acompact()
    for done in (wrote, read):
        assert all(is_here == (size < LARGE) for size, is_here in done), done
        assert {is_here for _, is_here in done} == {True, False}
