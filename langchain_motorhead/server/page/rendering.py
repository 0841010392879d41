"""Renders the page's templates and serves its files. They are read once, by the first visit."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from langchain_motorhead.messages.text import without_surrogates

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    # Not `no-referrer`, with which browsers send forms without their origin.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Headers of every answer of the page. Its style sheet and script are files of this server."""

_FOLDER = "templates"
_FILES = {"page.css": "text/css", "page.js": "text/javascript"}


class Pages:
    """The templates and files of the page. The constructor reads them."""

    def __init__(self) -> None:
        from jinja2 import DictLoader, Environment, StrictUndefined

        folder = files(__package__) / _FOLDER
        sources = {each.name: each.read_text("utf-8") for each in folder.iterdir() if each.name.endswith(".html")}
        self.files = {name: (folder.joinpath(name).read_bytes(), kind) for name, kind in _FILES.items()}
        self._environment = Environment(
            loader=DictLoader(sources),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters.update(time=_time, iso=_iso, number=_number, date=_date)
        version = hashlib.sha256(b"".join(content for content, _ in self.files.values())).hexdigest()[:12]
        self._environment.globals["version"] = version
        for name in sources:  # compiled now, in the thread that makes this object
            self._environment.get_template(name)

    def render(self, name: str, values: Mapping[str, Any]) -> bytes:
        """Return a page.

        Args:
            name: Name of its template, without `.html`.
            values: What the template shows.
        """
        return without_surrogates(self._environment.get_template(f"{name}.html").render(values)).encode()


def encoded(text: str) -> str:
    """Return an id as a value in the query of an address. Every Python string can be encoded."""
    return quote(text, safe="", errors="surrogatepass")


def _time(time: datetime | None) -> str:
    return "" if time is None else time.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def _date(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%d")


def _iso(time: datetime | None) -> str:
    return "" if time is None else time.astimezone(UTC).isoformat(timespec="seconds")


def _number(value: int) -> str:
    return f"{value:,}".replace(",", "\u202f")
