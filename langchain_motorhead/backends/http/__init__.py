"""The same memory over REST: a client of our server, or of the original Motorhead. `connect_to` makes its backend."""

from __future__ import annotations

from langchain_motorhead.backends.http.backend import RemoteBackend, connect_to

__all__ = ["RemoteBackend", "connect_to"]
