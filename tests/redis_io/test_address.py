"""Redis URLs: what they say, that no part of a password is repeated, and that their parameters are checked at once."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import redis
import redis.asyncio

from langchain_motorhead import InvalidInputError, Motorhead, MotorheadError
from langchain_motorhead.redis_io import address, urls
from langchain_motorhead.redis_io.connection import connect

# Every part of it between two special characters can be recognized.
PASSWORD = "AAsecret/BBsecret?CCsecret#DDsecret@EEsecret:FFsecret%zz[GGsecret]=+"
SPECIAL = "/?#@:%[]=+"
SCHEMES = ["redis", "rediss", "redis+cluster", "rediss+cluster", "redis+sentinel", "rediss+sentinel"]


def partly_encoded() -> Iterator[str]:
    """Return the password with each of its special characters alone left as it is, with all, and with none."""
    yield PASSWORD
    yield quote(PASSWORD, safe="")
    for kept in SPECIAL:
        yield quote(PASSWORD, safe=kept)
        yield PASSWORD.replace(kept, quote(kept, safe=""))


def texts_of(error: BaseException) -> str:
    """Return all that can be seen of an error: its text, its causes and contexts, their `repr`, the traceback."""
    seen, chain = [""], [error]
    while chain:
        each = chain.pop()
        seen += [str(each), repr(each), repr(each.args)]
        chain += [other for other in (each.__cause__, each.__context__) if other is not None]
    frames = [line for line in traceback.format_exception(error) if "Motorhead.from_url" not in line]
    return "\n".join([*seen, *frames])


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("login", ["user:{}@", ":{}@", "{}@", "user:{}", "{}"])
async def test_no_part_of_a_password_is_repeated(scheme: str, login: str, caplog: pytest.LogCaptureFixture) -> None:
    """However a password is encoded, no error, cause, `repr` or log line has a part of it."""
    for secret in partly_encoded():
        url = f"{scheme}://{login.format(secret)}127.0.0.1:1/0"
        with caplog.at_level(logging.DEBUG):
            try:
                async with Motorhead.from_url(url) as motorhead:
                    seen = repr(motorhead) + repr(motorhead.backend.require_redis().connection)
                    # Sentinels that refuse are asked again for seconds.
                    for run in () if "sentinel" in scheme else (motorhead.sessions, motorhead.asessions):
                        try:
                            result: Any = run()
                            await result
                        except MotorheadError as error:
                            seen += texts_of(error)
            except InvalidInputError as error:
                seen = texts_of(error)
        assert "secret" not in (seen + caplog.text).lower(), url


@pytest.mark.parametrize("login", ["user:{}@", ":{}@", "{}@", "user:{}"])
def test_no_part_of_a_servers_password_is_repeated(login: str) -> None:
    """However a password in the URL of a server is encoded, no error, cause or `repr` has a part of it."""
    for secret in partly_encoded():
        url = f"http://{login.format(secret)}127.0.0.1:1/path"
        try:
            with Motorhead.from_url(url) as motorhead:
                seen = repr(motorhead) + motorhead.namespace + repr(motorhead._backend)
        except InvalidInputError as error:
            seen = texts_of(error)
        assert "secret" not in seen.lower(), url


def test_an_encoded_password_arrives() -> None:
    """A percent-encoded password, and one with characters that need no encoding, reach the client unchanged."""
    for written in (quote(PASSWORD, safe=""), "a:b@c=+[d]%zz", "pa@ss"):
        meant = PASSWORD if "%2F" in written else written
        client = urls.make_client(f"redis://us%40er:{written}@host:1/2?client_name=x", redis)
        options = client.connection_pool.connection_kwargs
        assert (options["username"], options["password"]) == ("us@er", meant)
        assert (options["host"], options["port"], options["db"], options["client_name"]) == ("host", 1, 2, "x")
        assert meant not in repr(address.parse(f"redis://us%40er:{written}@host:1/2"))


@pytest.mark.parametrize(
    ("url", "hosts", "path"),
    [
        ("redis://", (("localhost", 6379),), ""),
        (" rediss://[::1]:7/3\n", (("::1", 7),), "/3"),
        ("redis+sentinel://:pw@a:1,b/name/2", (("a", 1), ("b", 26379)), "/name/2"),
        ("unix://:pw@/tmp/a@b.sock?db=1", (), "/tmp/a@b.sock"),
    ],
)
def test_forms_of_urls(url: str, hosts: Any, path: str) -> None:
    """Hosts, ports and paths are parsed from every form of URL."""
    parsed = address.parse(url)
    assert (parsed.hosts, parsed.path) == (hosts, path)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("redis://h?scoket_timeout=5", "Did you mean 'socket_timeout'"),
        ("redis://h?socket_timeout=abc", "the value of socket_timeout"),
        ("redis://h?ssl_cert_reqs=none", "ssl_cert_reqs in the Redis URL needs TLS: rediss://"),
        ("redis+cluster://h?ssl_cert_reqs=none", "needs TLS"),
        ("rediss://h?ssl_cert_reqs=no", "the value of ssl_cert_reqs"),
        ("redis://h?protocol=9", "the value of protocol"),
        ("redis://h?max_connections=0", "the value of max_connections"),
        ("redis+sentinel://h/m?scoket_timeout=5", "Did you mean 'socket_timeout'"),
        ("redis+cluster://h?socket_keepalives=1", "Did you mean 'socket_keepalive'"),
        ("redis://h/first", "after the host"),
        ("redis+sentinel://h/a b", "after the host"),
        ("redis://h:99999", "the host or the port"),
        ("redis://h/0#1", "has a # in it"),
        ("unix://tmp/socket", "unix:///path/to/socket"),
        ("redis-cluster://h", "the scheme 'redis-cluster'"),
    ],
)
def test_parameters_are_checked_at_once(url: str, says: str) -> None:
    """A wrong parameter, or one that does not fit the URL, is an error where the URL is given, which names it."""
    with pytest.raises(InvalidInputError, match=says.replace("?", ".")):
        Motorhead.from_url(url)


@pytest.mark.parametrize("name", ["redis", "redis.asyncio"])
def test_parameters_arrive(name: str) -> None:
    """Parameters that are accepted reach the client, with their types."""
    module = redis if name == "redis" else redis.asyncio
    url = "redis://h?socket_timeout=1.5&health_check_interval=10&retry_on_timeout=yes&max_connections=7&protocol=3"
    connect(url).close()
    pool: Any = urls.make_client(url, module).connection_pool
    options = pool.connection_kwargs
    assert (options["socket_timeout"], options["health_check_interval"], pool.max_connections) == (1.5, 10, 7)


@pytest.mark.parametrize("url", ["redis://h", "rediss://h", "unix:///s", "redis+sentinel://h/m"])
def test_connections_speak_resp2(url: str) -> None:
    """Clients made from a URL speak RESP2, in which searches are faster, unless the URL asks for another protocol."""
    for module in (redis, redis.asyncio):
        pools: list[Any] = [urls.make_client(each, module).connection_pool for each in (url, f"{url}?protocol=3")]
        assert [int(pool.connection_kwargs["protocol"]) for pool in pools] == [2, 3]


def test_sentinels_have_a_login_of_their_own() -> None:
    """A Sentinel's user and password come from the URL's parameters, or else are those of Redis."""

    def logins(url: str) -> list[tuple[Any, Any]]:
        pool: Any = urls.make_client(url, redis).connection_pool
        sentinel = pool.sentinel_manager.sentinels[0].connection_pool.connection_kwargs
        return [(each.get("username"), each.get("password")) for each in (pool.connection_kwargs, sentinel)]

    url = "redis+sentinel://u:p@h/m"
    assert logins(url) == [("u", "p"), ("u", "p")]
    assert logins(f"{url}?sentinel_password=a%2Bb/c") == [("u", "p"), (None, "a+b/c")]
    assert logins(address.with_sentinel_access(url, "v", "q+&")) == [("u", "p"), ("v", "q+&")]
    assert address.with_sentinel_access(f"{url}?sentinel_password=x", "v", "q").endswith("?sentinel_password=x")
    assert address.with_sentinel_access("redis://h", "v", "q") == "redis://h"
