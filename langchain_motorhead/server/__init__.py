"""The REST server, which speaks the original Motorhead's API. `create_app` builds the ASGI application.

Importing this package loads neither Starlette nor pydantic-settings, so that the command line can name what is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langchain_motorhead.server.app import create_app
    from langchain_motorhead.server.settings import Settings

__all__ = ["Settings", "create_app"]


def __getattr__(name: str) -> Any:
    if name == "create_app":
        from langchain_motorhead.server.app import create_app

        return create_app
    if name == "Settings":
        from langchain_motorhead.server.settings import Settings

        return Settings
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
