"""The real model of these tests. `make real` says where it is; without it, they are skipped."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from langchain_openai import ChatOpenAI

from support.small_model import serving

PYTHON = os.environ.get("SMALL_MODEL_PYTHON", "")


@pytest.fixture(scope="session")
def model() -> Iterator[ChatOpenAI]:
    """The model, by OpenAI's client. It answers the same question the same way, so that a failure can be repeated."""
    if not PYTHON:
        pytest.skip("make real runs these tests")
    with serving(PYTHON) as url:
        yield ChatOpenAI(model="smollm2", base_url=url, api_key="none", max_retries=0, timeout=300, temperature=0)
