"""The HTTP transport: sends requests with httpx, retries those that may be sent again, and translates errors."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakValueDictionary

from tenacity import AsyncRetrying, RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_random_exponential

from langchain_motorhead import exceptions as ours
from langchain_motorhead.backends.http.protocol import NOT_OURS, HttpAnswer, HttpCall, unwrapped
from langchain_motorhead.concurrency.forks import ForkSafeLock
from langchain_motorhead.concurrency.shared_clients import SharedClients
from langchain_motorhead.messages.codec import loads
from langchain_motorhead.rest_protocol import CODES, IDEMPOTENCY_KEY, WIRE
from langchain_motorhead.runtime.spans import outgoing_headers

if TYPE_CHECKING:
    import httpx

_MAX_ATTEMPTS = 4
_backoff = wait_random_exponential(multiplier=0.1, max=2)
_CONNECT_SECONDS = 5.0
# Longest wait that a server may ask for with Retry-After.
_MAX_RETRY_AFTER_SECONDS = 5.0
_COMPACTION_SECONDS = 900.0
_MAX_CONNECTIONS = 64


class Address(NamedTuple):
    """The URL of a server, and the settings of the connections to it. Backends of one address share their connections.

    Attributes:
        url: URL of the server.
        api_key: Key that is sent with each request, or None.
        client_id: Client id of the managed Motorhead, or None.
        timeout: Seconds that the server may take to answer.
    """

    url: str
    api_key: str | None
    client_id: str | None
    timeout: float

    def __repr__(self) -> str:
        """Return the URL of the server, without its password and without the key."""
        return f"Address({_shown(self.url)!r})"


class Transport(SharedClients):
    """The connections to one server. They are reference-counted: see `SharedClients`.

    Args:
        address: Address of the server.
    """

    def __init__(self, address: Address) -> None:
        super().__init__()
        self._address = address
        self._context: Any = None
        self.ours: bool | None = None
        """Whether it is this package's server. None until it has answered."""

    def send(self, call: HttpCall) -> HttpAnswer:
        """Send a request, and return the response.

        Raises:
            MotorheadError: The server refused the request, or could not be reached.
        """
        try:
            return Retrying(**self._policy(call))(self._attempt, call)
        except _FailedError as failed:
            raise failed.error from failed.__cause__

    async def asend(self, call: HttpCall) -> HttpAnswer:
        """Send a request, and return the response. See `send`."""
        try:
            return await AsyncRetrying(sleep=asyncio.sleep, **self._policy(call))(self._aattempt, call)
        except _FailedError as failed:
            raise failed.error from failed.__cause__

    def _attempt(self, call: HttpCall) -> HttpAnswer:
        client: httpx.Client = self.sync_client
        try:
            response = client.request(**self._request(call))
        except Exception as error:
            raise self._unreached(error, call) from error
        return self._read(response, call)

    async def _aattempt(self, call: HttpCall) -> HttpAnswer:
        client: httpx.AsyncClient = await self.async_client()
        try:
            response = await client.request(**self._request(call))
        except Exception as error:
            raise self._unreached(error, call) from error
        return self._read(response, call)

    def _request(self, call: HttpCall) -> dict[str, Any]:
        request: dict[str, Any] = {"method": call.method, "url": call.path, "params": dict(call.query)}
        if call.body is not None:
            request |= {"content": call.body, "headers": {"Content-Type": "application/json"}}
        if call.key is not None:
            request.setdefault("headers", {})[IDEMPOTENCY_KEY] = call.key
        if call.slow:
            request["timeout"] = _COMPACTION_SECONDS
        if traced := outgoing_headers():
            request["headers"] = {**request.get("headers", {}), **traced}
        return request

    def _policy(self, call: HttpCall) -> dict[str, Any]:
        def again(error: BaseException) -> bool:
            if not isinstance(error, _FailedError):
                return False
            # The original server stores a message again if it is sent again.
            return error.undone or call.method != "POST" or self.ours is True

        return {
            "retry": retry_if_exception(again),
            "stop": stop_after_attempt(_MAX_ATTEMPTS),
            "wait": _wait,
            "reraise": True,
        }

    def _unreached(self, error: Exception, call: HttpCall) -> Exception:
        import httpx

        if not isinstance(error, httpx.HTTPError | httpx.InvalidURL):
            return error
        where = f"the server at {_shown(self._address.url)}"
        if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
            return ours.InvalidInputError(f"the URL cannot be used: {error}")
        undone = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
        if isinstance(error, httpx.TimeoutException) and not undone:
            seconds = _COMPACTION_SECONDS if call.slow else self._address.timeout
            return _FailedError(f"{where} did not answer within {seconds:g} s", undone=False)
        return _FailedError(f"{where} cannot be reached: {str(error) or type(error).__name__}", undone=undone)

    def _read(self, response: httpx.Response, call: HttpCall) -> HttpAnswer:
        if WIRE in response.headers:
            self.ours = True
        elif response.status_code < 500:  # with a higher status, a proxy may answer for a server that is down
            self.ours = False
        try:
            data = loads(response.content)
        except ours.InvalidMessageError:
            data = None
        if call.probe and response.status_code < 500:
            return HttpAnswer(data, bool(self.ours))
        if not response.is_success:
            raise _refused(response, data)
        if data is None:
            raise ours.StoreError(NOT_OURS)
        return HttpAnswer(unwrapped(data), bool(self.ours))

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
            "timeout": httpx.Timeout(address.timeout, connect=min(_CONNECT_SECONDS, address.timeout)),
            "limits": httpx.Limits(max_connections=_MAX_CONNECTIONS, max_keepalive_connections=_MAX_CONNECTIONS),
            "verify": context,
        }


class _FailedError(Exception):
    """A request that failed, and may be sent again.

    Attributes:
        error: Error to raise if it is not sent again.
        undone: Whether the server certainly did not execute the request.
        seconds: How long the server asked to wait, or None.
    """

    def __init__(self, text: str, *, undone: bool, seconds: float | None = None) -> None:
        super().__init__(text)
        self.error = ours.StoreUnavailableError(text)
        self.undone = undone
        self.seconds = seconds


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome is not None else None
    asked = getattr(error, "seconds", None)
    return min(asked, _MAX_RETRY_AFTER_SECONDS) if asked is not None else _backoff(state)


# Errors by HTTP status. The status also says whether the request may be sent again.
_BY_STATUS = (ours.InvalidInputError, ours.StoreUnavailableError, ours.ClosedError)
_BY_CODE = {code: cls for cls, code in CODES.items() if cls not in _BY_STATUS}
_LONG_TERM_MEMORY = "long term memory is disabled"


def _refused(response: httpx.Response, data: Any) -> Exception:
    """Return the error for a response that is no success."""
    status = response.status_code
    said = data.get("error") if isinstance(data, dict) else None
    code = str(data.get("code", "")) if isinstance(data, dict) else ""
    text = said if isinstance(said, str) and said else f"HTTP {status}"
    if code in _BY_CODE:
        return _BY_CODE[code](text)
    if status in (401, 403):
        return ours.StoreError(f"the server refused the api_key: {text}")
    if status in (429, 502, 503, 504):
        retry_after = response.headers.get("retry-after", "")
        seconds = float(retry_after) if retry_after.isdecimal() else None
        return _FailedError(f"the server cannot answer now: {text}", undone=status == 429, seconds=seconds)
    if _LONG_TERM_MEMORY in text.lower():
        return ours.RecallNotConfiguredError(text)
    if status in (404, 405, 501):
        return ours.UnsupportedError(f"the server does not support this request: {text}. Check the URL")
    if status in (400, 409, 413, 414, 422, 431):
        return ours.InvalidInputError(f"the server refused: {text}")
    return ours.StoreError(f"the server failed: {text}")


def _shown(url: str) -> str:
    """Return a URL without its password."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


_shared: WeakValueDictionary[Address, Transport] = WeakValueDictionary()
_sharing = ForkSafeLock()


def transport_to(address: Address) -> Transport:
    """Return the connections to a server, which this process shares. Close them once for each call."""
    with _sharing:
        transport = _shared.get(address)
        if transport is None or not transport.incref():
            transport = _shared[address] = Transport(address)
        return transport
