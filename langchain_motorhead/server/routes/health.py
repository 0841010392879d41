"""For who operates the server: whether it lives, whether Redis answers, and its metrics. None of it needs a key."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import Response

from langchain_motorhead import MotorheadError
from langchain_motorhead.server import openapi as described
from langchain_motorhead.server import responses as answers
from langchain_motorhead.server.errors import RETRY_AFTER, answer
from langchain_motorhead.storage.operation import Command, Operation

router = APIRouter(tags=["Operation"])

# Seconds that Redis has to answer in.
_PATIENCE = 2.0


@router.get("/health", **described.HEALTH)
async def health(_: Request) -> Response:
    """Say that the process lives."""
    return answers.raw(answers.OK)


@router.get("/ready", **described.HEALTH)
async def ready(request: Request) -> Response:
    """Ask Redis, and say whether it answered."""
    redis = request.app.state.tenants.any.backend.require_redis()
    # Of one key, so that a cluster knows whom to ask.
    ping = Operation((Command("EXISTS", ("motorhead:ready",)),), lambda _: None)
    try:
        await asyncio.wait_for(redis.aexecute(ping), _PATIENCE)
    except (TimeoutError, MotorheadError):
        return answer(503, "redis_unavailable", "Redis cannot be reached", RETRY_AFTER)
    return answers.raw(answers.OK)


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    """Give the metrics, as Prometheus reads them."""
    text, media_type = request.app.state.metrics.exposed()
    return Response(text, headers={"Content-Type": media_type})
