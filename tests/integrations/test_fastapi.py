"""The application on the page about FastAPI, served by uvicorn."""

from __future__ import annotations

import json
from typing import Any

import httpx

from langchain_motorhead.redis_io.embedded import acquire
from support.doc_blocks import python_blocks
from support.factory import MakeMotorhead
from support.http_servers import served

PAGE = "docs_pages_guides_fastapi"
URL = '"redis://localhost:6379"'


def page_app(url: str, namespace: str) -> Any:
    """Make the application of the page, on a server and in a namespace of a test."""
    (block,) = (each for each in python_blocks() if each.name.startswith(PAGE))
    assert URL in block.code
    names: dict[str, Any] = {"__name__": "page"}
    exec(block.code.replace(URL, f"{url!r}, namespace={namespace!r}"), names)
    return names["app"]


def test_conversation(url: str, namespace: str, make: MakeMotorhead) -> None:
    """Answers are streamed, chats are private to their users and can be deleted, closing finishes the summaries."""
    said = [f"I have {at} cats, and number {at} is called Tom{at}." for at in range(7)]
    with served(page_app(url, namespace)) as base, httpx.Client(base_url=base, headers={"x-user": "bob"}) as bob:
        for text in said:
            with bob.stream("POST", "/chats/1", json={"text": text}) as answer:
                parts = list(answer.iter_text())
            assert answer.status_code == 200
            assert "".join(parts) in ("Hello!", "You said so.")
        shown = bob.get("/chats/1").json()["messages"]
        assert ["human", said[-1]] in shown

        eve = {"x-user": "eve"}
        refused = [bob.get("/chats/1", headers=eve), bob.post("/chats/1", headers=eve, json={"text": "Hi"})]
        assert [each.status_code for each in refused] == [404, 404]
        assert "cats" not in json.dumps([each.json() for each in refused])
        assert bob.get("/chats/1", headers={"x-user": ""}).status_code == 404

        bob.post("/chats/2", json={"text": "Forget this."})
        assert bob.delete("/chats/2").status_code == 204
        assert bob.get("/chats/2").json() == {"summary": None, "messages": []}

    # The application has ended, and nothing of its work is left to do.
    session = make().session("1", user_id="bob")
    memory = session.load()
    assert memory.summarized > 0
    assert memory.summarized + len(memory.messages) == len(session.transcript()) == 2 * len(said)


def test_redis_away(tmp_path: Any, namespace: str) -> None:
    """Without Redis, the application answers that the client should try again."""
    server = acquire(f"embedded://{tmp_path}")
    try:
        with served(page_app(server.url, namespace)) as base, httpx.Client(base_url=base) as client:
            assert client.get("/chats/1", headers={"x-user": "bob"}).status_code == 200
            server.release()  # nobody else uses it, so it ends
            answer = client.get("/chats/1", headers={"x-user": "bob"})
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    finally:
        server.release()
