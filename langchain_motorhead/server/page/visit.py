"""A request to the page: who is looking, at which session, with which form; and the answer to it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from langchain_motorhead import Motorhead
from langchain_motorhead.backends.redis import RedisBackend
from langchain_motorhead.concurrency.deferred import Deferred
from langchain_motorhead.exceptions import MotorheadError
from langchain_motorhead.server import audit
from langchain_motorhead.server.http.errors import (
    FAILURE,
    PREFIX,
    ForbiddenError,
    RequestError,
    UnauthorizedError,
    to_answer,
)
from langchain_motorhead.server.http.request import RequestContext
from langchain_motorhead.server.page.forms import Forms
from langchain_motorhead.server.page.rendering import HEADERS, Pages, encoded
from langchain_motorhead.server.page.sign_in import LIFETIME_SECONDS, SignIns
from langchain_motorhead.server.tenants import Tenants
from langchain_motorhead.storage.keys import SessionKeys, session_keys

SIGNED_IN = "motorhead_page"
"""Cookie of somebody who has signed in."""

VISITOR = "motorhead_visitor"
"""Cookie of everybody else, which binds forms to a browser."""

_HTML = "text/html; charset=utf-8"
_MAX_NUMBER_CHARS = 18
_INTERNAL = 500

Answer: TypeAlias = "Response | tuple[str, Mapping[str, Any]]"
"""A response; or the name of a template, and what it shows."""


class PageState:
    """What the page of an application needs: templates, sign-ins and forms.

    Attributes:
        pages: Templates and files, which are read by the first visit.
        streams: How many streams of events are open.

    Args:
        tenants: Tenants of the application.
    """

    def __init__(self, tenants: Tenants) -> None:
        self.pages = Deferred(Pages)
        self.sign_ins = SignIns(tenants.digests)
        self.forms = Forms()
        self.streams = 0


class Visit:
    """A request to the page.

    Attributes:
        request: The request.
        state: What the page of this application needs.
        prefix: Path prefix under which the server is published.
    """

    def __init__(self, request: Request) -> None:
        self.request = request
        self.state: PageState = request.app.state.page
        self.tenants: Tenants = request.app.state.tenants
        self.prefix: str = request.scope.get(PREFIX) or ""
        cookie = request.cookies.get(SIGNED_IN, "")
        self.digest = None if self.tenants.open_to_all else self.state.sign_ins.read(cookie, time.time())
        self._visitor = request.cookies.get(VISITOR, "")
        self._is_new = self.digest is None and not self._visitor
        if self._is_new:
            self._visitor = secrets.token_urlsafe(24)
        self._secret = self._visitor if self.digest is None else cookie

    @property
    def motorhead(self) -> Motorhead:
        """The `Motorhead` of the tenant that is signed in.

        Raises:
            UnauthorizedError: Nobody is signed in, where the server has API keys.
        """
        if self.tenants.open_to_all:
            return self.tenants.any
        found = None if self.digest is None else self.tenants.of_digest(self.digest)
        if found is None:
            raise UnauthorizedError("sign in first")
        return found

    @property
    def backend(self) -> RedisBackend:
        """The backend of the tenant that is signed in."""
        return self.motorhead.backend.require_redis()

    def query(self, name: str) -> str:
        """Return a value of the query, or an empty text. Ids that are no Unicode come as they are stored.

        Raises:
            RequestError: The query has bytes that are not UTF-8, or very many fields.
        """
        raw: str = self.request.scope.get("query_string", b"").decode("latin-1")
        try:
            pairs = parse_qsl(raw, keep_blank_values=True, errors="surrogatepass", max_num_fields=20)
        except ValueError:
            raise RequestError("the query of the address cannot be read") from None
        return str(dict(pairs).get(name, ""))

    def number(self, name: str) -> int:
        """Return a whole number of the query, or 0.

        Raises:
            RequestError: It is none.
        """
        text = self.query(name) or "0"
        if not (text.isascii() and text.isdigit() and len(text) <= _MAX_NUMBER_CHARS):
            raise RequestError(f"{name} must be a whole number")
        return int(text)

    def session_id(self) -> str:
        """Return the id of the session in the query.

        Raises:
            RequestError: There is none.
        """
        session_id = self.query("id")
        if not session_id:
            raise RequestError("the address names no session")
        return session_id

    def keys(self) -> SessionKeys:
        """Return the Redis keys of the session in the query, of the tenant that is signed in."""
        return session_keys(self.motorhead.namespace, self.session_id())

    def url(self, path: str = "", **query: str | int) -> str:
        """Return the address of a part of the page."""
        text = "&".join(f"{name}={encoded(str(value))}" for name, value in query.items() if value != "")
        return f"{self.prefix}/ui{path}" + (f"?{text}" if text else "")

    def token(self, purpose: str) -> str:
        """Return the token of a new form."""
        return self.state.forms.issue(self._secret, purpose, time.time())

    async def form(self, purpose: str) -> dict[str, str]:
        """Return the fields of a form that was sent, once, by the browser that got it.

        Raises:
            ForbiddenError: A page of another site sent it, or it was made for another browser or purpose.
            StaleFormError: It was sent before, or is too old.
            RequestError: It is no form.
        """
        headers = self.request.headers
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise ForbiddenError("forms from pages of other sites are refused. Nothing was changed")
        fields = await RequestContext(self.request).form()
        self.state.forms.accept(fields.get("token", ""), self._secret, purpose, time.time())
        return fields

    def note(self, action: str, **ids: str) -> None:
        """Have the audit log say what this request does."""
        self.request.scope[audit.NOTE] = audit.to_note(action, self.digest, **ids)

    def go(self, path: str, **query: str | int) -> Response:
        """Return the answer that leads to another part of the page."""
        return RedirectResponse(self.url(path, **query), 303, HEADERS)

    def show(self, name: str, values: Mapping[str, Any], status: int = 200) -> Response:
        """Return the answer with a page."""
        shared = {
            "url": self.url,
            "open": self.tenants.open_to_all,
            "namespace": self.tenants.any.namespace if self.tenants.open_to_all else "",
            "signed_in": self.tenants.open_to_all or self.digest is not None,
            "sign_out": self.token("sign out") if self.digest is not None else "",
            "here": "",
        }
        if self.digest is not None and (found := self.tenants.of_digest(self.digest)) is not None:
            shared["namespace"] = found.namespace
        body = self.state.pages.get().render(name, {**shared, **values})
        return Response(body, status, {**HEADERS, "Content-Type": _HTML})

    def sign_in_form(self, problem: str, status: int, then: str = "") -> Response:
        """Return the answer with the form that asks for an API key, and nothing else.

        Args:
            problem: Why it is shown again, or empty.
            status: HTTP status of the answer.
            then: Where the form leads to. By default back to what was asked for.
        """
        if not then and self.request.method == "GET":
            query = self.request.scope.get("query_string", b"").decode("latin-1")
            then = self.request.scope["path"] + (f"?{query}" if query else "")
        values = {"token": self.token("sign in"), "problem": problem, "then": then, "signed_in": False, "namespace": ""}
        return self.show("sign_in", values, status)

    def problem(self, error: Exception) -> Response:
        """Return the answer with an error, in words."""
        answer = to_answer(error)
        if answer.status >= _INTERNAL:
            self.request.scope[FAILURE] = error
        return self.show("problem", {"message": answer.message, "status": answer.status}, answer.status)

    def with_cookies(self, response: Response) -> Response:
        """Add the cookie of a new visitor to an answer."""
        if self._is_new:
            self.set_cookie(response, VISITOR, self._visitor, None, "lax")
        return response

    def set_cookie(
        self,
        response: Response,
        name: str,
        value: str,
        seconds: int | None = LIFETIME_SECONDS,
        same_site: Any = "strict",
    ) -> None:
        """Add a cookie to an answer, which scripts cannot read; or take it back, if `seconds` is 0."""
        origin = urlsplit(self.request.headers.get("origin", "")).scheme
        secure = "https" in (origin, self.request.url.scheme)  # a proxy may have ended TLS
        response.set_cookie(
            name, value, max_age=seconds, path=f"{self.prefix}/ui", secure=secure, httponly=True, samesite=same_site
        )


View: TypeAlias = Callable[[Visit], Awaitable[Answer]]


def page(view: View, *, public: bool = False) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint of a part of the page. Errors are shown as pages.

    Args:
        view: Builds the answer.
        public: Whether it is for somebody who is not signed in, too. Others get the form to sign in.
    """

    @wraps(view)
    async def endpoint(request: Request) -> Response:
        visit = Visit(request)
        await visit.state.pages.aget()
        await request.app.state.warm.aget()
        try:
            if not public:
                visit.motorhead  # noqa: B018 - raises
            answer = await view(visit)
            response = answer if isinstance(answer, Response) else visit.show(*answer)
        except UnauthorizedError:
            response = visit.sign_in_form("", 401)
        except (RequestError, HTTPException, MotorheadError) as error:
            response = visit.problem(error)
        return visit.with_cookies(response)

    return endpoint
