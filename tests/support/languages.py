"""Texts in many languages and formats, written for these tests: one message in each language, and samples of data."""

from __future__ import annotations

import json
from pathlib import Path

TEXTS: dict[str, str] = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
