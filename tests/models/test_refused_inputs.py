"""Refusals that would repeat are distinguished from outages by the fields of the errors of many providers."""

from __future__ import annotations

from typing import Any

import httpx
import openai
import pytest

from langchain_motorhead.models.refused_inputs import Refusal, refusal_of

REQUEST = httpx.Request("POST", "http://127.0.0.1/v1/chat/completions")


class ProviderError(Exception):
    """An error with fields."""

    def __init__(self, message: str = "no", **fields: Any) -> None:
        super().__init__(message)
        vars(self).update(fields)


class BlockedPromptException(Exception):  # noqa: N818 - Google's name
    """What old clients of Gemini raise."""


def by_openai(http_status: int, message: str = "no", **body: Any) -> openai.APIStatusError:
    """Make the error that the openai client raises."""
    response = httpx.Response(http_status, request=REQUEST, json={"error": {"message": message, **body}})
    return openai.OpenAI(api_key="k", base_url="http://127.0.0.1")._make_status_error_from_response(response)  # type: ignore[arg-type]


def by_httpx(status: int) -> httpx.HTTPStatusError:
    """Make the error of a client that uses httpx."""
    return httpx.HTTPStatusError("no", request=REQUEST, response=httpx.Response(status, request=REQUEST))


TOO_LONG = {
    "openai": by_openai(400, "maximum context length is 4096 tokens", code="context_length_exceeded"),
    "vllm": by_openai(400, "This model's maximum context length is 4096 tokens. However, you requested 9000."),
    "llama.cpp": by_openai(400, "the request exceeds the available context size", type="exceed_context_size_error"),
    "openai's tokens a minute": by_openai(429, "Request too large for gpt-4o on tokens per min: Limit 30000"),
    "anthropic": ProviderError(
        status_code=400,
        body={"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 9 > 4"}},
        message="prompt is too long: 208310 tokens > 200000 maximum",
    ),
    "anthropic, a large body": ProviderError(status_code=413, body={"error": {"type": "request_too_large"}}),
    "gemini": ProviderError("400 The input token count (9) exceeds the maximum number of tokens allowed (4)", code=400),
    "bedrock": ProviderError(
        "Input is too long for requested model.",
        response={"Error": {"Code": "ValidationException"}, "ResponseMetadata": {"HTTPStatusCode": 400}},
    ),
    "llama-cpp-python": ValueError("Requested tokens (5000) exceed context window of 4096"),
    "a proxy": by_httpx(413),
    "langchain-core": type("ContextOverflowError", (ValueError,), {})("too long"),
}
CONTENT = {
    "azure": by_openai(400, "filtered", code="content_filter", innererror={"code": "ResponsibleAIPolicyViolation"}),
    "openai": by_openai(400, "rejected by our safety system", code="content_policy_violation"),
    "without a code": by_openai(400, "Bad request"),
    "unprocessable": by_openai(422, "Unprocessable"),
    "httpx": by_httpx(400),
    "google's enum": ProviderError("blocked", code=type("Code", (), {"value": (400, "invalid argument")})()),
    "gemini": BlockedPromptException("PROHIBITED_CONTENT"),
    "bedrock": ProviderError(
        response={"Error": {"Code": "ValidationException"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    ),
}
OUTAGES = {
    "rate limit": by_openai(429, "Rate limit reached", code="rate_limit_exceeded"),
    "no money": by_openai(429, "You exceeded your current quota", code="insufficient_quota"),
    "no money at anthropic": by_openai(400, "Your credit balance is too low", type="invalid_request_error"),
    "a fault": by_openai(500, "The server had an error"),
    "overloaded": by_openai(529, "Overloaded", type="overloaded_error"),
    "wrong key": by_openai(401, "Incorrect API key", code="invalid_api_key"),
    "wrong key at google": by_openai(
        400, "API key not valid.", status="INVALID_ARGUMENT", details=[{"reason": "API_KEY_INVALID"}]
    ),
    "no such model": by_openai(404, "The model does not exist", code="model_not_found"),
    "no such parameter": by_openai(400, "Unsupported parameter: 'max_tokens'", code="unsupported_parameter"),
    "timeout": openai.APITimeoutError(request=REQUEST),  # type: ignore[arg-type]
    "no connection": ConnectionError("refused"),
    "httpx": by_httpx(503),
    "anything": RuntimeError("boom"),
    "a value": ValueError("bad json"),
}


@pytest.mark.parametrize("name", TOO_LONG)
def test_too_long(name: str) -> None:
    """An input that is too long is refused for its length, whoever says so."""
    assert refusal_of(TOO_LONG[name]) is Refusal.TOO_LONG


@pytest.mark.parametrize("name", CONTENT)
def test_content(name: str) -> None:
    """What a filter or a bad request refuses would be refused again."""
    assert refusal_of(CONTENT[name]) is Refusal.CONTENT


@pytest.mark.parametrize("name", OUTAGES)
def test_outages(name: str) -> None:
    """What passes by itself, or with other settings, is no refusal of the input."""
    assert refusal_of(OUTAGES[name]) is None


def test_the_cause_counts() -> None:
    """An error that wraps the provider's is read through, also in a circle."""
    outer = RuntimeError("Error calling the model")
    outer.__cause__ = CONTENT["azure"]
    CONTENT["azure"].__context__ = outer
    assert refusal_of(outer) is Refusal.CONTENT
