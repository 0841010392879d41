"""Settings of the server: the original's environment variables, and further ones that begin with `MOTORHEAD_`."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any

from pydantic import AliasChoices, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from langchain_motorhead.redis_io.address import with_sentinel_access

_DEFAULT_PORT = 8_000
_HOST = re.compile(r"\*|(?:\*\.)?[\w.-]+|\[[0-9a-f:.]+\]|[0-9a-f]*:[0-9a-f]*:[0-9a-f:.]*", re.IGNORECASE)
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/?#@]+", re.IGNORECASE)
# First segments of the API's paths. A prefix that begins with one could not be told from a request without it.
_OWN_PATHS = frozenset(
    {"sessions", "users", "search", "mcp", "health", "ready", "metrics", "docs", "ui", "openapi.json"}
)


def _setting(default: Any, description: str, *names: str, **more: Any) -> Any:
    return Field(default, description=description, validation_alias=AliasChoices(*names), **more)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return API keys with their namespaces, each of which is given once."""
    given = dict(pairs)
    if any(given[key] != namespace for key, namespace in pairs):
        raise ValueError("an API key is given twice, with different namespaces")
    return given


class Settings(BaseSettings):
    """Settings of the server. Each is read from an environment variable, or passed by its name."""

    model_config = SettingsConfigDict(
        populate_by_name=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    host: str | None = _setting(
        None, "Address to listen on. Default: 0.0.0.0 with API keys, 127.0.0.1 without", "MOTORHEAD_HOST"
    )
    port: int = _setting(_DEFAULT_PORT, "Port to listen on", "PORT", "MOTORHEAD_PORT", ge=0, le=65535)
    workers: int = _setting(
        1, "Processes that serve the port. More help only where one keeps a core busy", "WEB_CONCURRENCY", ge=1
    )
    root_path: str = _setting(
        "",
        "Path prefix under which a proxy publishes the server, such as /memory. The proxy may remove it or keep it",
        "MOTORHEAD_ROOT_PATH",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = _setting(
        (),
        "Origins whose pages may call the server from a browser, such as https://chat.example,https://b.example, or *",
        "MOTORHEAD_CORS_ORIGINS",
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = _setting(
        (),
        "Without API keys: host names under which the server is reached, beyond localhost, such as "
        "motorhead,*.example.com, or * for any",
        "MOTORHEAD_ALLOWED_HOSTS",
    )
    redis_url: str = _setting("redis://localhost:6379", "URL of Redis", "REDIS_URL", "MOTORHEAD_REDIS_URL", repr=False)
    sentinel_username: str | None = _setting(
        None, "User name for the Sentinels. Default: that of Redis", "MOTORHEAD_SENTINEL_USERNAME"
    )
    sentinel_password: SecretStr | None = _setting(
        None, "Password of the Sentinels. Default: that of Redis", "MOTORHEAD_SENTINEL_PASSWORD"
    )
    max_window_size: int = _setting(
        12,
        "Messages that a session keeps verbatim, and the most that a read returns",
        "MOTORHEAD_MAX_WINDOW_SIZE",
        ge=2,
    )
    max_window_tokens: int | None = _setting(
        None, "Tokens that a session keeps verbatim. Default: no limit", "MOTORHEAD_MAX_WINDOW_TOKENS", ge=2
    )
    hard_limit: int | None = _setting(
        None,
        "Messages that a read with limit= or full= returns at most. Default: twice the window",
        "MOTORHEAD_HARD_LIMIT",
        ge=2,
    )
    archive: bool = _setting(
        True, "Whether messages that were summarized are kept word for word, compressed", "MOTORHEAD_ARCHIVE"
    )
    facts: bool = _setting(
        False,
        "Whether facts about users are learned from their sessions, with the model that summarizes",
        "MOTORHEAD_FACTS",
    )
    mcp_read_only: bool = _setting(
        False, "Whether clients of /mcp can only read, and not change facts", "MOTORHEAD_MCP_READ_ONLY"
    )
    long_term_memory: bool = _setting(
        False, "Whether messages are indexed, so that they can be searched", "MOTORHEAD_LONG_TERM_MEMORY"
    )
    model: str | None = _setting(
        None,
        "Model that summarizes: the name of an OpenAI model or of one at the base URL, or PROVIDER:NAME such as "
        "anthropic:NAME, as init_chat_model takes it. Default: gpt-4o-mini if OpenAI's key or base URL is set, else no "
        "model",
        "MOTORHEAD_MODEL",
    )
    embeddings: str | None = _setting(
        None,
        "Embedding model for searches: the name of an OpenAI model or of one at the base URL, PROVIDER:NAME, or "
        "hashing, which needs no model. Default: text-embedding-3-small",
        "MOTORHEAD_EMBEDDINGS",
    )
    openai_api_key: SecretStr | None = _setting(None, "API key for OpenAI", "OPENAI_API_KEY")
    openai_api_base: str | None = _setting(
        None, "Base URL of an OpenAI-compatible endpoint", "OPENAI_API_BASE", "OPENAI_BASE_URL", repr=False
    )
    summarizer_api_base: str | None = _setting(
        None,
        "Base URL of an OpenAI-compatible endpoint that only summarizes",
        "SUMMARIZER_API_BASE",
        "MOTORHEAD_SUMMARIZER_API_BASE",
        repr=False,
    )
    summarizer_input_tokens: int | None = _setting(
        None,
        "Largest number of tokens in one request for a summary, which must fit the model's context. Default: 8000",
        "MOTORHEAD_SUMMARIZER_INPUT_TOKENS",
        ge=256,
    )
    summary_tokens: int = _setting(
        512, "Largest number of tokens in the model's answer, which is the summary", "MOTORHEAD_SUMMARY_TOKENS", ge=32
    )
    azure_deployment_id: str | None = _setting(
        None, "Azure deployment of the model that summarizes", "AZURE_DEPLOYMENT_ID"
    )
    azure_deployment_id_ada: str | None = _setting(
        None, "Azure deployment of the embedding model", "AZURE_DEPLOYMENT_ID_ADA"
    )
    azure_api_base: str | None = _setting(
        None, "Azure endpoint, such as https://NAME.openai.azure.com", "AZURE_API_BASE", repr=False
    )
    azure_api_key: SecretStr | None = _setting(None, "API key for Azure", "AZURE_API_KEY")
    azure_api_version: str = _setting("2024-10-21", "Version of the Azure API", "AZURE_API_VERSION")
    ui: bool = _setting(
        True, "Whether the memory page is served at /ui, where people see and correct what is stored", "MOTORHEAD_UI"
    )
    namespace: str = _setting(
        "default", "Namespace of all sessions, if there are no API keys", "MOTORHEAD_NAMESPACE", min_length=1
    )
    api_keys: Annotated[dict[str, str] | None, NoDecode] = _setting(
        None,
        "API keys, each with the namespace it gives access to: KEY=NAMESPACE,KEY=NAMESPACE, or a JSON object",
        "MOTORHEAD_API_KEYS",
        repr=False,
    )
    ttl: float | None = _setting(
        None, "Seconds without a write after which a session expires. Default: never", "MOTORHEAD_TTL", gt=0
    )
    summary_timeout: float = _setting(60.0, "Seconds that a summary may take", "MOTORHEAD_SUMMARY_TIMEOUT", gt=0)
    max_concurrency: int = _setting(
        16, "Sessions that one server summarizes at a time; tenants take turns", "MOTORHEAD_MAX_CONCURRENCY", ge=1
    )
    shutdown_timeout: float = _setting(
        20.0,
        "Seconds to wait, when the server stops, for requests and then for summaries to finish",
        "MOTORHEAD_SHUTDOWN_TIMEOUT",
        ge=0,
        allow_inf_nan=False,
    )
    keep_alive: int = _setting(
        75,
        "Seconds that an idle connection stays open. Longer than a load balancer in front of the server reuses it",
        "MOTORHEAD_KEEP_ALIVE",
        ge=0,
        le=86_400,
    )
    client_timeout: float = _setting(
        30.0,
        "Seconds that a client may take to send the headers of a request, and as long for the body; 0 for no limit",
        "MOTORHEAD_CLIENT_TIMEOUT",
        ge=0,
    )
    max_body_bytes: int = _setting(
        8 * 1024 * 1024,
        "Largest request body in bytes; a larger one is answered with 413",
        "MOTORHEAD_MAX_BODY_BYTES",
        ge=1,
    )
    max_messages: int = _setting(
        2_000,
        "Most messages in a request; more are answered with 413",
        "MOTORHEAD_MAX_MESSAGES_PER_REQUEST",
        "MOTORHEAD_MAX_MESSAGES",
        ge=1,
    )
    max_id_length: int = _setting(
        1_024, "Longest id in characters; a longer one is answered with 400", "MOTORHEAD_MAX_ID_LENGTH", ge=1
    )
    log_level: str = _setting(
        "info", "Lowest level that is logged: debug, info, warning, error or critical", "MOTORHEAD_LOG_LEVEL"
    )

    @field_validator("api_keys", mode="before")
    @classmethod
    def _parse_keys(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if value.lstrip().startswith("{"):
            return json.loads(value, object_pairs_hook=_each_once)
        pairs = [each.strip().rpartition("=") for each in value.split(",") if each.strip()]
        if any(not key or not namespace for key, _, namespace in pairs):
            raise ValueError("the format is KEY=NAMESPACE,KEY=NAMESPACE, or a JSON object that maps keys to namespaces")
        return _each_once([(key, namespace) for key, _, namespace in pairs])

    @field_validator("api_keys")
    @classmethod
    def _check_keys(cls, value: dict[str, str] | None) -> dict[str, str] | None:
        if value and not all(value.values()):
            raise ValueError("the namespace of an API key must not be empty")
        if value and not all(key.isascii() and key.isprintable() and key.strip() == key != "" for key in value):
            raise ValueError("an API key has printable ASCII characters, and no space at its start or end")
        return value or None

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _parse_hosts(cls, value: Any) -> Any:
        return tuple(each.strip() for each in value.split(",") if each.strip()) if isinstance(value, str) else value

    @field_validator("allowed_hosts")
    @classmethod
    def _check_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_HOST.fullmatch(each) for each in value):
            raise ValueError("a host is a name or an address, without scheme and port, or *")
        return value

    @field_validator("log_level")
    @classmethod
    def _check_level(cls, value: str) -> str:
        if value.lower() not in ("debug", "info", "warning", "error", "critical"):
            raise ValueError("the level must be debug, info, warning, error or critical")
        return value.lower()

    @field_validator("port", mode="before")
    @classmethod
    def _ignore_service_link(cls, value: Any) -> Any:
        """Ignore the address that Kubernetes puts into MOTORHEAD_PORT for a service called motorhead."""
        return _DEFAULT_PORT if isinstance(value, str) and value.startswith(("tcp://", "udp://")) else value

    @field_validator("root_path")
    @classmethod
    def _check_root_path(cls, value: str) -> str:
        path = value.strip().strip("/")
        if not all(char.isalnum() or char in "-._~/" for char in path) or "//" in path:
            raise ValueError("the format is a path such as /memory, of letters, digits and -._~ only")
        if path.partition("/")[0] in _OWN_PATHS:
            raise ValueError("the prefix must not begin as a path of the API does")
        return f"/{path}" if path else ""

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _parse_origins(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        parts = json.loads(value) if value.lstrip().startswith("[") else value.split(",")
        return tuple(each.strip().rstrip("/") for each in map(str, parts) if each.strip())

    @field_validator("cors_origins")
    @classmethod
    def _check_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(each != "*" and not _ORIGIN.fullmatch(each) for each in value):
            raise ValueError("an origin is a scheme, a host and maybe a port, such as https://chat.example, or *")
        return value

    @field_validator("openai_api_base", "summarizer_api_base", "azure_api_base")
    @classmethod
    def _check_base(cls, value: str | None) -> str | None:
        if value is not None and not value.lower().startswith(("http://", "https://")):
            raise ValueError("the address of an endpoint begins with http:// or https://")
        return value

    @model_validator(mode="after")
    def _check_together(self) -> Settings:
        if self.hard_limit is not None and self.hard_limit < self.max_window_size:
            raise ValueError("MOTORHEAD_HARD_LIMIT must not be lower than MOTORHEAD_MAX_WINDOW_SIZE")
        if self.facts and not self.archive:
            raise ValueError("MOTORHEAD_FACTS needs the archive. Leave out MOTORHEAD_ARCHIVE=false")
        return self

    @property
    def redis_address(self) -> str:
        """URL of Redis, with the Sentinels' own login if there is one."""
        password = self.sentinel_password.get_secret_value() if self.sentinel_password else None
        return with_sentinel_access(self.redis_url, self.sentinel_username, password)

    @property
    def listen_on(self) -> str:
        """Address to listen on. Without API keys, the default is reachable from this machine only."""
        return self.host or ("0.0.0.0" if self.api_keys else "127.0.0.1")  # noqa: S104 - API keys protect it
