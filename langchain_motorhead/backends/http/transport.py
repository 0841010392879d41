"""Sends requests with httpx, sync or async, again where that is safe, and maps what goes wrong to errors of ours."""

from __future__ import annotations

import asyncio
import ssl
import threading
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakValueDictionary

from tenacity import AsyncRetrying, RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_random_exponential

from langchain_motorhead import exceptions as ours
from langchain_motorhead.backends.http.protocol import NOT_OURS, Answer, Call, unwrapped
from langchain_motorhead.concurrency.shared_clients import SharedClients
from langchain_motorhead.messages.codec import loads
from langchain_motorhead.rest_protocol import CODES, WIRE

if TYPE_CHECKING:
    import httpx

_ATTEMPTS = 4
_backoff = wait_random_exponential(multiplier=0.1, max=2)
# Seconds: to connect, that a server's Retry-After is heeded for at most, and that a compaction may take.
_CONNECT, _PATIENCE, _COMPACTION = 5.0, 5.0, 900.0
_CONNECTIONS = 64


class Address(NamedTuple):
    """Where the server is, and how to speak to it. Handles of one address share their connections."""

    url: str
    api_key: str | None
    client_id: str | None
    timeout: float

    def __repr__(self) -> str:
        """Name the server, without the key."""
        return f"Address({_shown(self.url)!r})"


class Transport(SharedClients):
    """The connections to one server.

    Args:
        address: Of the server.
    """

    def __init__(self, address: Address) -> None:
        super().__init__()
        self._address = address
        self._context: Any = None
        self.ours: bool | None = None
        """Whether it is our server, once it has answered."""

    def send(self, call: Call) -> Answer:
        """Send a request, and give its answer.

        Raises:
            MotorheadError: It was refused, or the server could not be reached.
        """
        try:
            return Retrying(**self._policy(call))(self._attempt, call)
        except _FailedError as failed:
            raise failed.error from failed.__cause__

    async def asend(self, call: Call) -> Answer:
        """Send a request, and give its answer. See `send`."""
        try:
            return await AsyncRetrying(sleep=asyncio.sleep, **self._policy(call))(self._aattempt, call)
        except _FailedError as failed:
            raise failed.error from failed.__cause__

    def _attempt(self, call: Call) -> Answer:
        client: httpx.Client = self.sync_client
        try:
            response = client.request(**self._request(call))
        except Exception as error:
            raise self._unreached(error, call) from error
        return self._read(response, call)

    async def _aattempt(self, call: Call) -> Answer:
        client: httpx.AsyncClient = await self.async_client()
        try:
            response = await client.request(**self._request(call))
        except Exception as error:
            raise self._unreached(error, call) from error
        return self._read(response, call)

    def _request(self, call: Call) -> dict[str, Any]:
        request: dict[str, Any] = {"method": call.method, "url": call.path, "params": dict(call.query)}
        if call.body is not None:
            request |= {"content": call.body, "headers": {"Content-Type": "application/json"}}
        if call.slow:
            request["timeout"] = _COMPACTION
        return request

    def _policy(self, call: Call) -> dict[str, Any]:
        def again(error: BaseException) -> bool:
            if not isinstance(error, _FailedError):
                return False
            # The original stores what comes twice twice.
            return error.undone or (call.again and (call.method != "POST" or self.ours is True))

        return {
            "retry": retry_if_exception(again),
            "stop": stop_after_attempt(_ATTEMPTS),
            "wait": _wait,
            "reraise": True,
        }

    def _unreached(self, error: Exception, call: Call) -> Exception:
        import httpx

        if not isinstance(error, httpx.HTTPError | httpx.InvalidURL):
            return error
        where = f"the server at {_shown(self._address.url)}"
        if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
            return ours.InvalidInputError(f"the URL cannot be used: {error}")
        undone = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
        if isinstance(error, httpx.TimeoutException) and not undone:
            seconds = _COMPACTION if call.slow else self._address.timeout
            return _FailedError(f"{where} did not answer within {seconds:g} s", undone=False)
        return _FailedError(f"{where} cannot be reached: {str(error) or type(error).__name__}", undone=undone)

    def _read(self, response: httpx.Response, call: Call) -> Answer:
        if WIRE in response.headers:
            self.ours = True
        elif response.status_code < 500:  # a proxy answers for a server that is away
            self.ours = False
        try:
            data = loads(response.content)
        except ours.InvalidMessageError:
            data = None
        if call.probe and response.status_code < 500:
            return Answer(data, bool(self.ours))
        if not response.is_success:
            raise _refused(response, data)
        if data is None:
            raise ours.StoreError(NOT_OURS)
        return Answer(unwrapped(data), bool(self.ours))

    def _make_sync(self) -> httpx.Client:
        import httpx

        self._load_certificates()
        return httpx.Client(**self._settings())

    async def _prepare_async(self) -> None:
        await asyncio.to_thread(self._load_certificates)

    def _make_async(self) -> httpx.AsyncClient:
        import httpx

        return httpx.AsyncClient(**self._settings())

    def _load_certificates(self) -> None:
        import httpx

        if self._context is None and self._address.url.lower().startswith("https"):
            self._context = httpx.create_ssl_context()

    def _settings(self) -> dict[str, Any]:
        import httpx

        address = self._address
        headers = {"Accept": "application/json"}
        if address.api_key is not None:
            headers |= {"x-metal-api-key": address.api_key, "Authorization": f"Bearer {address.api_key}"}
        if address.client_id is not None:
            headers["x-metal-client-id"] = address.client_id
        context: ssl.SSLContext | bool = self._context or False
        return {
            "base_url": address.url,
            "headers": headers,
            "timeout": httpx.Timeout(address.timeout, connect=min(_CONNECT, address.timeout)),
            "limits": httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS),
            "verify": context,
        }


class _FailedError(Exception):
    """A request that may be worth sending again.

    Attributes:
        error: What is raised if it is not.
        undone: Whether it was certainly not carried out.
        seconds: When the server wants it again, if it says so.
    """

    def __init__(self, text: str, *, undone: bool, seconds: float | None = None) -> None:
        super().__init__(text)
        self.error = ours.StoreUnavailableError(text)
        self.undone = undone
        self.seconds = seconds


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome is not None else None
    asked = getattr(error, "seconds", None)
    return min(asked, _PATIENCE) if asked is not None else _backoff(state)


# What the status tells better: whether it may be sent again, or what was wrong with the request.
_BY_STATUS = (ours.InvalidInputError, ours.StoreUnavailableError, ours.ClosedError)
_BY_CODE = {code: cls for cls, code in CODES.items() if cls not in _BY_STATUS}
_LONG_TERM_MEMORY = "long term memory is disabled"


def _refused(response: httpx.Response, data: Any) -> Exception:
    """Map an answer that is no success."""
    status = response.status_code
    said = data.get("error") if isinstance(data, dict) else None
    code = str(data.get("code", "")) if isinstance(data, dict) else ""
    text = said if isinstance(said, str) and said else f"HTTP {status}"
    if code in _BY_CODE:
        return _BY_CODE[code](text)
    if status in (401, 403):
        return ours.StoreError(f"the server lets nobody in with this api_key: {text}")
    if status in (429, 502, 503, 504):
        retry_after = response.headers.get("retry-after", "")
        seconds = float(retry_after) if retry_after.isdecimal() else None
        return _FailedError(f"the server cannot answer now: {text}", undone=status == 429, seconds=seconds)
    if _LONG_TERM_MEMORY in text.lower():
        return ours.RecallNotConfiguredError(text)
    if status in (404, 405, 501):
        return ours.UnsupportedError(f"the server does not know this request: {text}. Check the URL")
    if status in (400, 409, 413, 414, 422, 431):
        return ours.InvalidInputError(f"the server refused: {text}")
    return ours.StoreError(f"the server failed: {text}")


def _shown(url: str) -> str:
    """Give a URL without a password that may be in it."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


_shared: WeakValueDictionary[Address, Transport] = WeakValueDictionary()
_sharing = threading.Lock()


def transport_to(address: Address) -> Transport:
    """Give the process's connections to a server. Close them once for each call."""
    with _sharing:
        transport = _shared.get(address)
        if transport is None or not transport.share():
            transport = _shared[address] = Transport(address)
        return transport
