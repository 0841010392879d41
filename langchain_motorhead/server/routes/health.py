"""Routes for operators of the server: liveness, readiness and metrics. They need no API key."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from langchain_motorhead import MotorheadError, StoreUnavailableError
from langchain_motorhead.server.http import responses
from langchain_motorhead.server.http.errors import FAILURE, RETRY_AFTER, error_response, to_answer
from langchain_motorhead.server.http.openapi import ApiRoute
from langchain_motorhead.server.schemas.answers import Done
from langchain_motorhead.server.startup import READY_TIMEOUT_SECONDS, ping


async def health(_: Request) -> Response:
    """Say that the process is alive. This request does not ask Redis."""
    return responses.raw(responses.OK)


async def ready(request: Request) -> Response:
    """Send a command to Redis, and say whether it answered."""
    try:
        await ping(request.app.state.tenants.any.backend.require_redis())
    except (TimeoutError, MotorheadError) as error:
        late = f"Redis did not answer within {READY_TIMEOUT_SECONDS:g} s"
        failure = StoreUnavailableError(late) if isinstance(error, TimeoutError) else error
        request.scope[FAILURE] = failure
        _, code, message, _ = to_answer(failure)
        return error_response(503, code, message, RETRY_AFTER)
    return responses.raw(responses.OK)


async def metrics(request: Request) -> Response:
    """Return the metrics in Prometheus' text format."""
    text, media_type = request.app.state.metrics.exposed()
    return Response(text, headers={"Content-Type": media_type})


ROUTES = (
    ApiRoute("GET", "/health", health, tag="Operations", summary="Is it alive?", answer=Done, needs_key=False),
    ApiRoute(
        "GET", "/ready", ready, tag="Operations", summary="Does Redis answer?", answer=Done,
        errors=("redis_unavailable", "store_error", "stopping"), needs_key=False,
    ),
    ApiRoute(
        "GET", "/metrics", metrics, tag="Operations", summary="Read the metrics", answer=str,
        answer_text="Prometheus' text format.", media_type="text/plain", needs_key=False,
        example="# TYPE motorhead_messages_total counter\nmotorhead_messages_total 42.0\n",
    ),
)  # fmt: skip
