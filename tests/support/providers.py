"""The rules by which providers refuse a prompt, checked on what LangChain's packages send for it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, SystemMessage

THINKING = ("thinking", "redacted_thinking")


def refusals(messages: Sequence[BaseMessage]) -> list[str]:
    """List why any provider would refuse a prompt."""
    found = []
    for name, check in CHECKS.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found += [f"{name}: {reason}" for reason in check(list(messages))]
            except Exception as error:  # noqa: BLE001 - whatever a package raises
                found.append(f"{name}: its package raises {type(error).__name__}: {error}")
    return found


def anthropic(messages: list[BaseMessage]) -> list[str]:
    """List why Anthropic would refuse a prompt."""
    from langchain_anthropic.chat_models import _format_messages

    _, sent = _format_messages(messages, model="claude-sonnet-4-5")
    if not sent:
        return ["there is no message"]
    found = [] if sent[0]["role"] == "user" else ["the first message is not a user's"]
    waiting: set[str] = set()
    for each in sent:
        blocks = _blocks(each["content"])
        if not blocks:
            found.append(f"a message of the {each['role']} is empty")
            continue
        found += [f"a text of the {each['role']} is blank" for text in _texts(blocks) if not text.strip()]
        if each["role"] == "assistant" and blocks[-1].get("type") in THINKING:
            found.append("an answer ends in thinking")
        results = {block["tool_use_id"] for block in blocks if block.get("type") == "tool_result"}
        found += [f"a call without a result: {id_}" for id_ in sorted(waiting - results)]
        found += [f"a result without a call: {id_}" for id_ in sorted(results - waiting)]
        waiting = {str(block["id"]) for block in blocks if block.get("type") == "tool_use"}
    return found + [f"a call without a result: {id_}" for id_ in sorted(waiting)]


def openai_chat(messages: list[BaseMessage]) -> list[str]:
    """List why OpenAI's chat completions would refuse a prompt."""
    from langchain_openai.chat_models.base import _convert_message_to_dict

    found: list[str] = []
    waiting: set[str] = set()
    for each in map(_convert_message_to_dict, messages):
        if each["role"] == "tool":
            if each["tool_call_id"] not in waiting:
                found.append(f"a result without a call: {each['tool_call_id']}")
            waiting.discard(each["tool_call_id"])
            continue
        found += [f"a call without a result: {id_}" for id_ in sorted(waiting)]
        waiting = {str(call["id"]) for call in each.get("tool_calls") or []}
        if not each.get("content") and not waiting:
            found.append(f"a message of the {each['role']} is empty")
        found += [
            f"a text of the {each['role']} is blank" for text in _texts(_blocks(each.get("content"))) if text == ""
        ]
    return found + [f"a call without a result: {id_}" for id_ in sorted(waiting)]


def openai_responses(messages: list[BaseMessage]) -> list[str]:
    """List why OpenAI's responses would refuse a prompt."""
    from langchain_openai.chat_models.base import _construct_responses_api_input

    items: list[dict[str, Any]] = _construct_responses_api_input(messages)
    found = []
    for at, item in enumerate(items):
        follower = items[at + 1] if at + 1 < len(items) else {}
        is_output = follower.get("role") in (None, "assistant") and not str(follower.get("type")).endswith("_output")
        if item.get("type") == "reasoning" and not (follower and is_output):
            found.append(f"reasoning {item.get('id')} without the item that followed it")
    calls = [item["call_id"] for item in items if item.get("type") == "function_call"]
    results = [item["call_id"] for item in items if item.get("type") == "function_call_output"]
    found += [f"a call and a result that do not match: {id_}" for id_ in sorted(set(calls) ^ set(results))]
    return found


def gemini(messages: list[BaseMessage]) -> list[str]:
    """List why Gemini would refuse a prompt."""
    from langchain_google_genai.chat_models import _parse_chat_history

    found = []
    if any(isinstance(message, SystemMessage) for message in messages[1:]):
        found.append("only a system message that is first is sent")
    _, contents = _parse_chat_history(messages)
    if contents and contents[0].role != "user":
        found.append("the first message is not a user's")
    calls = 0
    for content in contents:
        parts = content.parts or []
        if not parts:
            found.append(f"a message of the {content.role} is empty")
        results = sum(part.function_response is not None for part in parts)
        if results != calls:
            found.append(f"{calls} calls are followed by {results} results")
        calls = sum(part.function_call is not None for part in parts)
        found += [f"a text of the {content.role} is blank" for part in parts if part.text is not None and not part.text]
    return found + ([f"{calls} calls have no result"] if calls else [])


def rules(messages: list[BaseMessage]) -> list[str]:
    """List what no provider takes, read from the messages themselves."""
    found = []
    for at, message in enumerate(messages):
        if at and isinstance(message, SystemMessage):
            found.append("there is a system message in the middle")
        if isinstance(message, AIMessage) and not message.tool_calls and not _says(message):
            found.append(f"answer {message.id} says nothing")
    return found


CHECKS: dict[str, Callable[[list[BaseMessage]], list[str]]] = {
    "rules": rules,
    "anthropic": anthropic,
    "openai chat": openai_chat,
    "openai responses": openai_responses,
    "gemini": gemini,
}


def _says(message: AIMessage) -> bool:
    if isinstance(message.content, str):
        return bool(message.content.strip())
    return any(
        not isinstance(block, dict) or block.get("type") not in (*THINKING, "reasoning") for block in message.content
    )


def _blocks(content: Any) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return [block if isinstance(block, dict) else {"type": "text", "text": block} for block in content or []]


def _texts(blocks: Sequence[dict[str, Any]]) -> list[str]:
    return [str(block.get("text")) for block in blocks if block.get("type") == "text"]
