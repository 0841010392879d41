"""Requests to the memory page as a browser sends them, without one."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import quote

import httpx

STATEMENTS = {"I live in Bergen": "Lives in Bergen", "now I live in Trondheim": "Lives in Trondheim"}
"""What `learn` finds in messages, and the facts that it makes of it."""


def encoded(text: str) -> str:
    """Encode an id for an address."""
    return quote(text, safe="")


class Form(HTMLParser):
    """The form of a page that posts something: where to, and its fields.

    Args:
        page: HTML of a page.
        target: What the form's address begins with.
    """

    def __init__(self, page: str, target: str = "/ui/do") -> None:
        super().__init__()
        self.action = ""
        self.fields = dict[str, str]()
        self._target, self._inside, self._area = target, False, ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a form or a field."""
        values = dict(attrs)
        if tag == "form":
            action = values.get("action") or ""
            self._inside = values.get("method") == "post" and action.startswith(self._target)
            self.action = action if self._inside else self.action
        elif tag == "input" and self._inside and values.get("type") != "checkbox":
            self.fields[values["name"] or ""] = values.get("value") or ""
        elif tag == "textarea" and self._inside:
            self._area = values["name"] or ""
            self.fields[self._area] = ""

    def handle_data(self, data: str) -> None:
        """Note the text of a field."""
        if self._area:
            self.fields[self._area] += data.removeprefix("\n")

    def handle_endtag(self, tag: str) -> None:
        """Note the end of a field."""
        if tag == "textarea":
            self._area = ""

    def send(self, http: httpx.Client, **fields: str) -> httpx.Response:
        """Send the form, with some fields filled in."""
        return http.post(self.action, data={**self.fields, **fields})


def form(http: httpx.Client, address: str) -> Form:
    """Open a page with a form."""
    answer = http.get(address)
    assert answer.status_code == 200, answer.text
    return Form(answer.text)


def sign_in(http: httpx.Client, key: str) -> httpx.Response:
    """Sign in with an API key."""
    return Form(http.get("/ui").text, "/ui/sign-in").send(http, key=key)
