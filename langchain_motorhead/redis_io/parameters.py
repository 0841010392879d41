"""Checks the parameters of a Redis URL (`?name=value`) before a client is built. Does not connect.

redis-py looks at them when it makes a connection, so a misspelled one would be found by the first request only.
"""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.redis_io.address import FORMS, RedisAddress, for_one_server

if TYPE_CHECKING:
    from types import ModuleType

# Arguments of redis-py's connections that are no text or number, or that a URL has elsewhere.
_NOT_IN_A_URL = frozenset(
    "self args kwargs host port path ssl url startup_nodes retry retry_on_error credential_provider parser "
    "parser_class encoder_class command_packer event_dispatcher redis_connect_func connection_class connection_kwargs "
    "cache cache_config cache_factory driver_info socket_keepalive_options socket_type load_balancing_strategy "
    "address_remap cluster_error_retry_attempts policy_resolver himport_registry ssl_ocsp_context "
    "ssl_ocsp_expected_cert maint_notifications_config maint_notifications_pool_handler maintenance_state "
    "maintenance_notification_hash oss_cluster_maint_notifications_handler orig_host_address orig_socket_timeout "
    "orig_socket_connect_timeout".split()
)
_CLASSES = {"redis": "Connection", "rediss": "SSLConnection", "unix": "UnixDomainSocketConnection"}
_TLS = "ssl_"
_NAME = re.compile(r"[a-z]+(_[a-z]+)*")


def check_parameters(address: RedisAddress) -> None:
    """Raise an error if a parameter of a URL does not exist, does not fit its scheme, or has a wrong value.

    Raises:
        InvalidInputError: See above. The message names the parameter, and does not repeat its value.
    """
    connection_class = getattr(import_module("redis.connection"), _CLASSES[address.scheme])
    known = {*_arguments(connection_class), "max_connections"}
    if address.kind == "cluster":
        # The async client takes fewer than the sync one.
        known = {*_arguments(import_module("redis.asyncio.cluster").RedisCluster), "max_connections"}
        if address.scheme != "rediss":
            known = {name for name in known if not name.startswith(_TLS)}
    for name, value in address.query.items():
        if name not in known:
            if name.startswith(_TLS) and address.scheme != "rediss":
                raise InvalidInputError(f"{name} in the Redis URL needs TLS: rediss:// instead of {address.scheme}://")
            if not _NAME.fullmatch(name):  # perhaps the rest of a password
                raise InvalidInputError(f"the Redis URL has a parameter that does not exist. {FORMS}")
            raise InvalidInputError.unknown_name("parameter of a Redis URL", name, known)
        if not _fits(name, value, address, connection_class):
            raise InvalidInputError(f"the value of {name} in the Redis URL cannot be used")


def parsed_parameters(address: RedisAddress, redis: ModuleType) -> dict[str, Any]:
    """Return the parameters of a URL with the types that redis-py gives them.

    Raises:
        InvalidInputError: A value has the wrong type.
    """
    parsed = _parse(address, import_module(f"{redis.__name__}.connection"))
    if parsed is None:
        raise InvalidInputError("a parameter in the Redis URL has a wrong value")
    return parsed


def _fits(name: str, value: str, address: RedisAddress, connection_class: Any) -> bool:
    """Return whether redis-py accepts a value. Its error is dropped, since it may repeat the value."""
    from dataclasses import replace

    parsed = _parse(replace(address, query={name: value}), import_module("redis.connection"))
    if parsed is None or name == "max_connections":
        return parsed is not None and parsed[name] > 0
    if name not in _arguments(connection_class):
        return True  # an argument of the cluster client itself
    try:
        connection_class(**parsed)
    except Exception:  # noqa: BLE001 - redis-py raises errors of several kinds
        return False
    return True


def _parse(address: RedisAddress, connection: ModuleType) -> dict[str, Any] | None:
    try:
        parsed: dict[str, Any] = connection.parse_url(for_one_server(address).url)
    except ValueError:
        return None
    return {name: value for name, value in parsed.items() if name in address.query}


def _arguments(cls: type) -> set[str]:
    """Return the names of the constructor's arguments that a URL can hold, of a class and its bases."""
    constructors = (base.__dict__["__init__"] for base in cls.__mro__ if "__init__" in base.__dict__)
    names = {
        name for each in constructors if each is not object.__init__ for name in inspect.signature(each).parameters
    }
    return names - _NOT_IN_A_URL
