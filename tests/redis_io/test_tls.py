"""TLS: who is spoken to is checked, nothing goes to anybody else, and a client can show a certificate of its own."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio
import trustme

from langchain_motorhead import Motorhead, StoreUnavailableError
from langchain_motorhead.redis_io import urls
from langchain_motorhead.server import create_app
from langchain_motorhead.server.settings import Settings
from support.http_servers import served
from support.messages import contents, numbered
from support.tls import behind_tls

UNKNOWN = r"(?i)certificate"


class Secured:
    """A server behind TLS.

    Attributes:
        port: Where it listens.
        ca: File of the authority that its certificate is of.
        passed: Bytes that each client sent through.
    """

    def __init__(self, port: int, ca: Path, passed: list[int]) -> None:
        self.port, self.ca, self.passed = port, ca, passed

    def url(self, query: str = "", scheme: str = "rediss", user: str = "") -> str:
        """Give a URL of it."""
        return f"{scheme}://{user}127.0.0.1:{self.port}?socket_timeout=5{query}"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """An authority of the tests' own."""
    return trustme.CA()


@pytest.fixture(scope="module")
def ca(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """File of its certificate."""
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


def context_of(authority: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
    """Make what a server presents: a certificate for a name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


@pytest.fixture
def secured(url: str, authority: trustme.CA, ca: Path) -> Iterator[Secured]:
    """The tests' server behind TLS."""
    with behind_tls(url.removeprefix("unix://"), context_of(authority)) as (port, passed):
        yield Secured(port, ca, passed)


async def test_a_session_over_tls(secured: Secured, namespace: str) -> None:
    """Over `rediss://` a session is what it is, sync and async."""
    async with Motorhead.from_url(secured.url(f"&ssl_ca_certs={secured.ca}"), namespace=namespace) as motorhead:
        session = motorhead.session("s")
        session.append(numbered(2))
        await session.aappend(numbered(2, start=2))
        for memory in (session.load(), await session.aload()):
            assert contents(memory.messages) == ["m0", "m1", "m2", "m3"]
        session.delete()
    assert sum(secured.passed) > 0


async def test_a_server_that_nobody_vouches_for(secured: Secured) -> None:
    """A certificate of an unknown authority is refused before a password is sent."""
    async with Motorhead.from_url(secured.url(user="bob:s3cret@")) as motorhead:
        with pytest.raises(StoreUnavailableError, match=UNKNOWN) as caught:
            motorhead.session("s").load()
        assert "s3cret" not in str(caught.value)
        with pytest.raises(StoreUnavailableError, match=UNKNOWN):
            await motorhead.session("s").aload()
    assert sum(secured.passed) == 0


def test_a_server_of_another_name(url: str, authority: trustme.CA, ca: Path) -> None:
    """A certificate for another host is refused before anything is sent."""
    with behind_tls(url.removeprefix("unix://"), context_of(authority, "redis.example.org")) as (port, passed):
        there = Secured(port, ca, passed)
        with (
            Motorhead.from_url(there.url(f"&ssl_ca_certs={ca}")) as motorhead,
            pytest.raises(StoreUnavailableError, match=UNKNOWN),
        ):
            motorhead.session("s").load()
        assert sum(passed) == 0


def test_a_url_without_tls(secured: Secured) -> None:
    """A plain URL of a port with TLS is an error, and no endless wait."""
    with Motorhead.from_url(secured.url(scheme="redis")) as motorhead, pytest.raises(StoreUnavailableError):
        motorhead.session("s").load()
    assert sum(secured.passed) == 0


def test_a_certificate_of_ones_own(url: str, authority: trustme.CA, ca: Path, tmp_path: Path, namespace: str) -> None:
    """A server that asks for a certificate lets in who has one, and nobody else."""
    context = context_of(authority)
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    mine = authority.issue_cert("motorhead@example.org")
    mine.private_key_pem.write_to_path(tmp_path / "key.pem")
    mine.cert_chain_pems[0].write_to_path(tmp_path / "mine.pem")
    with behind_tls(url.removeprefix("unix://"), context) as (port, passed):
        there = Secured(port, ca, passed)
        files = f"&ssl_certfile={tmp_path / 'mine.pem'}&ssl_keyfile={tmp_path / 'key.pem'}"
        with Motorhead.from_url(there.url(f"&ssl_ca_certs={ca}")) as motorhead, pytest.raises(StoreUnavailableError):
            motorhead.session("s").load()
        assert sum(passed) == 0
        with Motorhead.from_url(there.url(f"&ssl_ca_certs={ca}{files}"), namespace=namespace) as motorhead:
            assert motorhead.session("s").load().total == 0


@pytest.mark.parametrize("module", [redis, redis.asyncio])
def test_parameters_of_a_sentinel_url(module: Any, ca: Path) -> None:
    """What a URL through Sentinel says of TLS holds for the Sentinels and for the servers that they name."""
    url = f"rediss+sentinel://bob:s3cret@h:1,i:2/main/3?ssl_ca_certs={ca}&ssl_check_hostname=false&socket_timeout=4"
    client = urls.make_client(url, module)
    pool = client.connection_pool
    sentinels = [each.connection_pool.connection_kwargs for each in pool.sentinel_manager.sentinels]
    assert len(sentinels) == 2
    for options in (pool.connection_kwargs, *sentinels):
        assert (options["ssl_ca_certs"], options["ssl_check_hostname"]) == (str(ca), False)
        assert options["socket_timeout"] == 4
        assert (options["username"], options["password"]) == ("bob", "s3cret")
    assert (pool.connection_kwargs["db"], pool.service_name) == (3, "main")
    assert "SSL" in pool.connection_class.__name__


async def test_a_server_over_https(
    url: str, namespace: str, authority: trustme.CA, ca: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over `https://` the server's certificate is checked as well; the key goes to nobody else."""
    with (
        served(create_app(Settings(), motorhead=lambda _: Motorhead.from_url(url, namespace=namespace))) as base,
        behind_tls(int(base.rpartition(":")[2]), context_of(authority)) as (port, passed),
    ):
        address = f"https://127.0.0.1:{port}"
        async with Motorhead.from_url(address, api_key="s3cret") as motorhead:
            with pytest.raises(StoreUnavailableError, match=UNKNOWN):
                motorhead.session("s").load()
            with pytest.raises(StoreUnavailableError, match=UNKNOWN):
                await motorhead.session("s").aload()
        assert sum(passed) == 0
        monkeypatch.setenv("SSL_CERT_FILE", str(ca))
        async with Motorhead.from_url(address, api_key="s3cret", timeout=20) as motorhead:
            motorhead.session("s").append(numbered(2))
            assert contents((await motorhead.session("s").aload()).messages) == ["m0", "m1"]
