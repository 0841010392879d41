"""Images, audio, video and files in the content of messages: which blocks they are, and what they count. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeAlias

from langchain_core.messages import BaseMessage

TokenCounter: TypeAlias = Callable[[Sequence[BaseMessage]], int]
"""A function that returns the number of tokens of messages, as `langchain_core.messages.trim_messages` takes it."""

MEDIA_TOKENS = 300
"""Tokens that an image, a recording or a file counts, with every counter and whatever its size.

Providers count from 85 to some 1,500 tokens for an image, by its resolution, which a message does not state.
"""

# Types of blocks, as LangChain, OpenAI, Anthropic, Google and Bedrock name them.
_TYPES = frozenset(
    "image image_url input_image image_file audio audio_url input_audio video video_url file input_file document media"
    " image_generation_call".split()
)
# Keys of a block without a type, as Bedrock writes them.
_KEYS = ("image", "video", "audio", "document")


def media_kind(block: object) -> str | None:
    """Return the kind of medium that a content block is, such as "image", or None if it is text or something else."""
    if not isinstance(block, dict) or isinstance(block.get("text"), str):
        return None
    kind = block.get("type")
    if isinstance(kind, str):
        return kind if kind in _TYPES and source_text(block) is None else None
    return next((key for key in _KEYS if isinstance(block.get(key), dict)), None)


def source_text(block: dict[str, Any]) -> str | None:
    """Return the text of a document that a block holds as text, as Anthropic's blocks do, or None."""
    source = block.get("source")
    if isinstance(source, dict) and source.get("type") == "text" and isinstance(source.get("data"), str):
        return str(source["data"])
    return None


def media_tokens(message: BaseMessage) -> int:
    """Return the tokens of the images, recordings and files in a message."""
    return MEDIA_TOKENS * _count(message.content)


def with_media(counter: TokenCounter) -> TokenCounter:
    """Return a counter that counts media as `media_tokens` does, and leaves the rest to the given one."""

    @wraps(counter, updated=())
    def count(messages: Sequence[BaseMessage]) -> int:
        media = sum(map(media_tokens, messages))
        return counter([_without_media(each) for each in messages] if media else messages) + media

    return count


def _count(content: object) -> int:
    if not isinstance(content, list):
        return 0
    return sum(
        1 if media_kind(block) else _count(block.get("content")) if isinstance(block, dict) else 0 for block in content
    )


def _without_media(message: BaseMessage) -> BaseMessage:
    if not _count(message.content):
        return message
    return message.model_copy(update={"content": _rest(message.content)})


def _rest(content: Any) -> Any:
    if not isinstance(content, list):
        return content
    kept = [block for block in content if media_kind(block) is None]
    return [{**each, "content": _rest(each["content"])} if _count(_nested(each)) else each for each in kept]


def _nested(block: object) -> object:
    return block.get("content") if isinstance(block, dict) else None
