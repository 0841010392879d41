"""An agent that is killed in the middle of a run, and the one that resumes it. Run as a program, it is the first."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.messages.utils import count_tokens_approximately
from langchain_core.tools import tool

from langchain_motorhead import Motorhead, MotorheadMiddleware
from support.agents import Model, agent_of

OPTIONS: dict[str, Any] = {"compaction": "manual", "token_counter": count_tokens_approximately}
CALLS = 4
KILLED_IN_CALL = 3


def answer(messages: Sequence[BaseMessage]) -> AIMessage:
    """Call the tool for the next time, until it was called often enough."""
    done = sum(isinstance(message, ToolMessage) for message in messages)
    if done == CALLS:
        return AIMessage("That is all.")
    return AIMessage("", tool_calls=[{"name": "look", "args": {"at": str(done + 1)}, "id": f"c{done + 1}"}])


def shown(messages: Sequence[BaseMessage]) -> list[list[Any]]:
    """Give what a model is shown, as it can be compared and written."""
    return [[each.type, each.text, [call["id"] for call in getattr(each, "tool_calls", ())]] for each in messages]


def agent(motorhead: Motorhead, saver: Any, waiting: Path | None = None) -> tuple[Any, Model]:
    """Make the agent.

    Args:
        motorhead: Its memory.
        saver: Its checkpointer.
        waiting: File that its tool writes before it waits to be killed. None for an agent that is not killed.
    """

    @tool
    def look(at: str) -> str:
        """Look at something."""
        if waiting is not None and int(at) == KILLED_IN_CALL:
            waiting.write_text("waiting")
            time.sleep(300)
        return f"line {at}\n" + "word " * 300

    middleware = [MotorheadMiddleware(motorhead, max_run_tokens=2_000)]
    return agent_of(
        motorhead, Model(answer=answer, checks=False), tools=[look], checkpointer=saver, middleware=middleware
    )


def main(url: str, namespace: str, folder: Path) -> None:
    """Run the agent until it is killed, and write each prompt."""
    from langgraph.checkpoint.sqlite import SqliteSaver

    with (
        Motorhead.from_url(url, namespace=namespace, **OPTIONS) as motorhead,
        SqliteSaver.from_conn_string(str(folder / "checkpoints.sqlite")) as saver,
    ):
        made, model = agent(motorhead, saver, folder / "waiting")
        given = {"messages": [("user", "Look at everything.")]}
        for _ in made.stream(given, {"configurable": {"thread_id": "t"}}, durability="sync"):
            (folder / "prompts").write_text(json.dumps([shown(prompt) for prompt in model.prompts]))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
