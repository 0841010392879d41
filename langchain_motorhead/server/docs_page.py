"""The page at `/docs`: what OpenAPI says of the server, as HTML. It has no script, and takes nothing from elsewhere."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from html import escape
from typing import Any

import orjson
from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

router = APIRouter()

_STYLE = """
:root { color-scheme: light dark; --line: light-dark(#d5d9de, #3b4048); --soft: light-dark(#f3f5f7, #22262b); }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 small { font-size: 1rem; font-weight: normal; opacity: .7; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
h3 { margin: 2rem 0 .25rem; overflow-wrap: anywhere; font: 600 1rem ui-monospace, monospace; }
h3 b { display: inline-block; min-width: 4.5rem; }
p { margin: .25rem 0 .75rem; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; border-top: 1px solid var(--line); }
pre { background: var(--soft); padding: .5rem .75rem; overflow-x: auto; margin: .5rem 0; font-size: .875rem; }
code { font-family: ui-monospace, monospace; }
summary { cursor: pointer; }
"""
# Whatever a browser is told by this page, it asks no other host.
_OWN_STYLE = f"style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'"
_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; {_OWN_STYLE}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}
_BOUNDS = {
    "minimum": "from {:.0f}",
    "maximum": "to {:.0f}",
    "maxLength": "at most {} characters",
    "default": "default {}",
}
_KEY = (
    "Requests need an API key, but for the time and those of Operation: <code>Authorization: Bearer KEY</code>, or "
    "<code>x-metal-api-key: KEY</code>."
)


@router.api_route("/docs", methods=["GET", "HEAD"], include_in_schema=False)
async def docs(request: Request) -> Response:
    """Show this page."""
    asks_for_key = not request.app.state.tenants.open_to_all
    return HTMLResponse(render(request.app.openapi(), asks_for_key=asks_for_key), headers=_HEADERS)


def render(described: Mapping[str, Any], *, asks_for_key: bool) -> str:
    """Make the page of an OpenAPI document.

    Args:
        described: The document, whose schemas are in place: none is referred to.
        asks_for_key: Whether the server asks for an API key.
    """
    info = described["info"]
    key = _KEY if asks_for_key else "No API key is asked for."
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(info['title'])}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(info['title'])} <small>{escape(info['version'])}</small></h1>",
        f"<p>{escape(info['summary'])}</p><p>{key}</p>",
        '<p>For programs, <a href="openapi.json">/openapi.json</a> has what this page, /docs, shows. ',
        '<a href="metrics">/metrics</a> has the metrics, as Prometheus reads them.</p>',
    ]
    requests = [
        (method, path, request) for path, methods in described["paths"].items() for method, request in methods.items()
    ]
    for tag in dict.fromkeys(request["tags"][0] for _, _, request in requests):
        parts.append(f"<h2>{escape(tag)}</h2>")
        parts += (_request(*each) for each in requests if each[2]["tags"][0] == tag)
    return "\n".join([*parts, "</body></html>\n"])


def _request(method: str, path: str, request: Mapping[str, Any]) -> str:
    parts = [f"<h3><b>{method.upper()}</b> {escape(path)}</h3><p>{escape(request['description'])}</p>"]
    if parameters := request.get("parameters"):
        parts.append("<table><tr><th>Parameter</th><th>Where</th><th>Type</th><th></th></tr>")
        parts += map(_parameter, parameters)
        parts.append("</table>")
    if (body := request.get("requestBody")) is not None:
        parts.append(f"<p>Body</p>{_schema(body)}")
    answers = request["responses"]
    parts += (f"<p>Answer</p>{_schema(answer)}" for status, answer in answers.items() if status == "200")
    parts.append("<details><summary>Errors</summary><table>")
    for status, answer in answers.items():
        if status != "200":
            parts.append(f"<tr><td>{escape(status)}</td><td>{escape(answer['description'])}</td></tr>")
    parts.append("</table></details>")
    return "\n".join(parts)


def _parameter(parameter: Mapping[str, Any]) -> str:
    cells = (
        f"<code>{escape(parameter['name'])}</code>",
        escape(parameter["in"] + (", required" if parameter["required"] else "")),
        escape(_bounded(parameter["schema"])),
        escape(parameter["description"]),
    )
    return f"<tr>{''.join(f'<td>{each}</td>' for each in cells)}</tr>"


def _schema(holder: Mapping[str, Any]) -> str:
    lines = _lines(holder["content"]["application/json"]["schema"])
    return f"<pre>{escape(chr(10).join(lines))}</pre>"


def _lines(schema: Mapping[str, Any], label: str = "", indent: str = "") -> Iterator[str]:
    """Write a schema as JSON would be, with the names of types for values."""
    if "properties" in schema:
        yield f"{indent}{label}{{"
        for name, inner in schema["properties"].items():
            optional = "" if name in schema["required"] else "?"
            yield from _lines(inner, f'"{name}"{optional}: ', indent + "  ")
        yield f"{indent}}}"
    elif "properties" in schema.get("items", {}):
        yield f"{indent}{label}["
        yield from _lines(schema["items"], "", indent + "  ")
        yield f"{indent}]"
    else:
        about = f"  # {schema['description']}" if "description" in schema else ""
        yield f"{indent}{label}{_bounded(schema)}{about}"


def _bounded(schema: Mapping[str, Any]) -> str:
    bounds = (text.format(schema[name]) for name, text in _BOUNDS.items() if name in schema)
    return ", ".join([_type(schema), *bounds])


def _type(schema: Mapping[str, Any]) -> str:
    if "const" in schema:
        return orjson.dumps(schema["const"]).decode()
    if "enum" in schema:
        return " | ".join(orjson.dumps(each).decode() for each in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(map(_type, schema["anyOf"]))
    return f"[{_type(schema['items'])}]" if "items" in schema else str(schema["type"])
