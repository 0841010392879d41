"""Files of wheels."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest


def module(place: str, file: str) -> str:
    """Find a file of a wheel."""
    found = find_spec(place)
    if found is None or not found.submodule_search_locations:
        pytest.skip(f"{place} is not installed")
    path = Path(next(iter(found.submodule_search_locations))) / file
    if not path.exists():
        pytest.skip(f"{path} is not there")
    return str(path)
