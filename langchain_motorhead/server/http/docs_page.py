"""The API documentation: `/openapi.json`, and Swagger UI at `/docs`, which loads nothing from other hosts.

Swagger UI comes from the wheel `offapi`, whose files are served as they are. The wheel's module is not imported: it
would read nine megabytes into memory.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
from collections.abc import Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from langchain_motorhead.server.http.errors import PREFIX
from langchain_motorhead.server.http.openapi import ApiRoute, build_document

# All scripts and styles are files of this server. Swagger UI's style sheet has images in data: URLs.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}
# Addresses are relative, so that the page also works under a path prefix.
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
<script src="docs/swagger-ui.js" defer></script>
<script src="docs/start.js" defer></script>
</head>
<body>
<div id="swagger-ui"></div>
<noscript><p>This page needs JavaScript. <a href="openapi.json">openapi.json</a> has the same content.</p></noscript>
</body>
</html>
"""
_START_SCRIPT = """SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
});
"""
_PACKAGE = "offapi"
_BUNDLE_FILES = {
    "swagger-ui.js": ("swagger_bundle.js", "text/javascript"),
    "swagger-ui.css": ("swagger_style.css", "text/css"),
}
_CACHE = {"Cache-Control": "public, max-age=3600"}


async def docs(request: Request) -> Response:
    """Return the page that shows the API in Swagger UI."""
    title = escape((await _document(request))["info"]["title"])
    return HTMLResponse(_PAGE.format(title=title), headers=_HEADERS)


async def docs_file(request: Request) -> Response:
    """Return a script or the style sheet of the page.

    Raises:
        HTTPException: There is no such file.
    """
    name = request.path_params["name"]
    if name == "start.js":
        return Response(_START_SCRIPT, media_type="text/javascript", headers=_CACHE)
    if name not in _BUNDLE_FILES:
        raise HTTPException(404)
    file, media_type = _BUNDLE_FILES[name]
    folder = await asyncio.to_thread(_bundle_folder)
    return FileResponse(folder / file, media_type=media_type, headers=_CACHE)


async def openapi(request: Request) -> Response:
    """Return the OpenAPI document."""
    document = await _document(request)
    prefix = request.scope.get(PREFIX)
    return JSONResponse({**document, "servers": [{"url": prefix}]} if prefix else document)


ROUTES = (Route("/openapi.json", openapi), Route("/docs", docs), Route("/docs/{name}", docs_file))


async def _document(request: Request) -> dict[str, Any]:
    """Return the OpenAPI document of the application, built by the first request for it, outside of the event loop."""
    state = request.app.state
    if state.openapi_document is None:
        routes = [route for route in request.app.routes if isinstance(route, ApiRoute)]
        with_keys = not state.tenants.open_to_all
        state.openapi_document = await asyncio.to_thread(_build, routes, with_keys)
    document: dict[str, Any] = state.openapi_document
    return document


def _build(routes: Sequence[ApiRoute], with_keys: bool) -> dict[str, Any]:  # noqa: FBT001 - a thread's argument
    return build_document(routes, version=_version(), with_keys=with_keys)


def _version() -> str:
    try:
        return importlib.metadata.version("langchain-motorhead")
    except importlib.metadata.PackageNotFoundError:  # run from a source tree that is not installed
        return "0"


@cache
def _bundle_folder() -> Path:
    return Path(str(importlib.metadata.distribution(_PACKAGE).locate_file(_PACKAGE)))
