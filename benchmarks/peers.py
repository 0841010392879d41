"""A session as each library has it: append a turn, read what a prompt needs, open it. All on the server at one URL.

`floor` is the least that keeps a session by redis-py: one pipeline without a transaction for a list, a hash and a
sorted set, JSON by orjson, and messages made by langchain-core's own constructors.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import orjson
import redis
from langchain_core.messages import BaseMessage
from measuring import CLASSES, READ
from typing_extensions import override

from langchain_motorhead import Motorhead

_ROLES = {"human": "user", "ai": "llm"}
_CHUNK = 500


class Peer(ABC):
    """A library's sessions.

    Args:
        url: Of the server.
    """

    name = ""
    largest = 10_000
    """Messages of a session beyond which it is not measured: it would take all day."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = redis.Redis.from_url(url)

    @abstractmethod
    def open(self, session: str) -> Any:
        """Make what one session is used through, as a handler of a request would."""

    @abstractmethod
    def append(self, opened: Any, messages: Sequence[BaseMessage]) -> None:
        """Append messages."""

    @abstractmethod
    def read(self, opened: Any) -> Sequence[Any]:
        """Read messages."""

    def fill(self, opened: Any, messages: Sequence[BaseMessage], count: int) -> None:
        """Append messages over and over, until there are so many."""
        for at in range(0, count, _CHUNK):
            self.append(opened, [messages[each % len(messages)] for each in range(at, min(at + _CHUNK, count))])

    def close(self) -> None:
        """Close it."""
        self.client.close()


class Floor(Peer):
    """A pipeline by hand."""

    name = "floor"
    largest = 100_000

    @override
    def open(self, session: str) -> str:
        return f"floor:{session}"

    @override
    def append(self, opened: str, messages: Sequence[BaseMessage]) -> None:
        roles = {"human": "Human", "ai": "AI"}
        records = [orjson.dumps({"role": roles[message.type], "content": message.content}) for message in messages]
        now = time.time_ns() // 1_000
        with self.client.pipeline(transaction=False) as pipeline:
            pipeline.rpush(opened, *records)
            pipeline.hset(f"{opened}:state", mapping={"updated": now})
            pipeline.zadd("floor-sessions", {opened: now})
            pipeline.execute()

    @override
    def read(self, opened: str) -> list[BaseMessage]:
        with self.client.pipeline(transaction=False) as pipeline:
            pipeline.hmget(f"{opened}:state", ["summary", "first", "tokens"])
            pipeline.lrange(opened, -READ, -1)
            _, records = pipeline.execute()
        loaded = (orjson.loads(record) for record in records)
        return [CLASSES[record["role"]](content=record["content"]) for record in loaded]


class Ours(Peer):
    """This package."""

    name = "motorhead"
    largest = 100_000

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.motorhead = Motorhead.from_url(url, namespace="bench", compaction="manual")

    @override
    def open(self, session: str) -> Any:
        return self.motorhead.session(session)

    @override
    def append(self, opened: Any, messages: Sequence[BaseMessage]) -> None:
        opened.append(messages)

    @override
    def read(self, opened: Any) -> list[BaseMessage]:
        messages: list[BaseMessage] = opened.load().messages
        return messages

    @override
    def close(self) -> None:
        self.motorhead.close()
        super().close()


class History(Peer):
    """A LangChain history, which reads all of its messages."""

    @override
    def append(self, opened: Any, messages: Sequence[BaseMessage]) -> None:
        opened.add_messages(messages)

    @override
    def read(self, opened: Any) -> list[BaseMessage]:
        messages: list[BaseMessage] = opened.messages
        return messages


class Community(History):
    """RedisChatMessageHistory of langchain-community. It connects for each session."""

    name = "langchain-community"

    @override
    def open(self, session: str) -> Any:
        from langchain_community.chat_message_histories import RedisChatMessageHistory

        return RedisChatMessageHistory(session, url=self.url)


class LangChainRedis(History):
    """RedisChatMessageHistory of langchain-redis. It looks for its index for each session."""

    name = "langchain-redis"

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.client = redis.Redis.from_url(url, protocol=2)  # it does not understand the other

    @override
    def open(self, session: str) -> Any:
        from langchain_redis import RedisChatMessageHistory

        return RedisChatMessageHistory(session, redis_client=self.client)


class RedisVL(Peer):
    """MessageHistory of redisvl."""

    name = "redisvl"

    @override
    def open(self, session: str) -> Any:
        from redisvl.extensions.message_history import MessageHistory

        return MessageHistory("bench", session_tag=session, redis_client=self.client)

    @override
    def append(self, opened: Any, messages: Sequence[BaseMessage]) -> None:
        opened.add_messages([{"role": _ROLES[each.type], "content": str(each.content)} for each in messages])

    @override
    def read(self, opened: Any) -> list[Any]:
        messages: list[Any] = opened.get_recent(top_k=READ)
        return messages


class Saver(Peer):
    """LangGraph's RedisSaver, through a graph whose state is messages. It stores and reads all of them."""

    name = "RedisSaver"
    largest = 1_000

    def __init__(self, url: str) -> None:
        super().__init__(url)
        from langgraph.checkpoint.redis import RedisSaver
        from langgraph.graph import START, MessagesState, StateGraph

        saver = RedisSaver(redis_client=self.client)
        saver.setup()
        graph = StateGraph(MessagesState)
        graph.add_node("model", lambda _: {"messages": []})
        graph.add_edge(START, "model")
        self.graph: Any = graph.compile(checkpointer=saver)

    @override
    def open(self, session: str) -> Any:
        return {"configurable": {"thread_id": session}}

    @override
    def append(self, opened: Any, messages: Sequence[BaseMessage]) -> None:
        # Each message has to be one of its own, or it would take the place of an earlier one.
        self.graph.update_state(opened, {"messages": [each.model_copy(update={"id": None}) for each in messages]})

    @override
    def read(self, opened: Any) -> list[BaseMessage]:
        messages: list[BaseMessage] = self.graph.get_state(opened).values["messages"]
        return messages


PEERS: tuple[type[Peer], ...] = (Floor, Ours, Community, LangChainRedis, RedisVL, Saver)
