"""The HTTP backend: sessions on a Motorhead server, this package's or the original one. `connect_to` builds it."""

from __future__ import annotations

from langchain_motorhead.backends.http.backend import RemoteBackend, connect_to

__all__ = ["RemoteBackend", "connect_to"]
