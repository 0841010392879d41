"""Several flows at work at once, as one flow."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from langchain_motorhead import StoreError
from langchain_motorhead.flows.gather import gather
from langchain_motorhead.storage.operation import Command, Operation


def ask(*names: str) -> Operation[list[Any]]:
    """Make an operation of commands."""
    return Operation(tuple(Command(name, ()) for name in names), lambda replies: replies)


def asking(*rounds: tuple[str, ...]) -> Generator[Any, Any, list[Any]]:
    """Ask for rounds of commands, and note what fails."""
    seen: list[Any] = []
    for each in rounds:
        try:
            seen.append((yield ask(*each)))
        except StoreError as error:
            seen.append(str(error))
    return seen


def run(flow: Any, sent: list[list[str]]) -> Any:
    """Answer operations with their commands in small letters; `BAD` fails."""
    answer, error = None, None
    try:
        while True:
            request = flow.send(answer) if error is None else flow.throw(error)
            names = [str(command.name) for command in request.commands]
            sent.append(names)
            error = StoreError("bad") if "BAD" in names else None
            answer = None if error else request.read([name.lower() for name in names])
    except StopIteration as end:
        return end.value


def test_side_by_side() -> None:
    """What flows ask for at a time is asked together, and each gets its own answers."""
    sent: list[list[str]] = []
    flows = [asking(("A", "B"), ("C",)), asking(), asking(("D",), ("E",), ("F",))]
    assert run(gather(flows), sent) == [[["a", "b"], ["c"]], [], [["d"], ["e"], ["f"]]]
    assert sent == [["A", "B", "D"], ["C", "E"], ["F"]]


def test_side_by_side_errors_reach_the_flow_whose_they_are() -> None:
    """If a request of one flow fails, that flow gets the error, and the others go on."""
    sent: list[list[str]] = []
    flows = [asking(("A",), ("B",)), asking(("BAD",), ("C",))]
    assert run(gather(flows), sent) == [[["a"], ["b"]], ["bad", ["c"]]]
    assert sent == [["A", "BAD"], ["A"], ["BAD"], ["B", "C"]]
