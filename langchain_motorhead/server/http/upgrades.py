"""Requests that ask for another protocol, HTTP/2 without TLS or WebSocket, are answered as requests that do not ask.

A client may ask with any request, and a server may ignore that. Java's HTTP client asks with each new connection. But
httptools takes such a request for the last one of its connection, and skips its body. So its head is parsed again,
without the headers that ask.
"""

from __future__ import annotations

from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_Base: Any = HttpToolsProtocol
_ASKING = (b"upgrade", b"http2-settings")


class PlainProtocol(_Base):  # type: ignore[misc]
    """uvicorn's HTTP protocol, without upgrades."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.parser = _Parser(self)

    def on_headers_complete(self) -> None:
        """Begin to answer a request, unless its head is to be parsed again."""
        if not _is_skipped(self.parser):
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that the body of a request has arrived."""
        if not _is_skipped(self.parser):
            super().on_message_complete()

    def parse_again(self, rest: bytes) -> None:
        """Parse the head of the last request without what asks for another protocol, and what follows.

        Args:
            rest: What was received after the head.
        """
        version = self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, version)]
        for name, value in self.headers:
            kept = _without_asking(value) if name == b"connection" else value
            if kept and name not in _ASKING:
                lines.append(b"%b: %b" % (name, kept))
        self.parser = _Parser(self)
        self.parser.feed_data(b"\r\n".join([*lines, b"", rest]))


class _Parser(httptools.HttpRequestParser):
    def __init__(self, protocol: PlainProtocol) -> None:
        super().__init__(protocol)
        self._protocol = protocol
        self.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does

    def feed_data(self, data: Any) -> None:
        try:
            super().feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._protocol.parse_again(data[upgrade.args[0] :])


def _is_skipped(parser: Any) -> bool:
    """Return whether httptools skips the body of a request. CONNECT is left alone: its path is an address."""
    return bool(parser.should_upgrade()) and parser.get_method() != b"CONNECT"


def _without_asking(value: bytes) -> bytes:
    tokens = (token.strip() for token in value.split(b","))
    return b", ".join(token for token in tokens if token.lower() not in _ASKING)
