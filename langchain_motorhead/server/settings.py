"""Settings of the server: the original's environment variables, and further ones that begin with `MOTORHEAD_`."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


def _setting(default: Any, description: str, *names: str, **more: Any) -> Any:
    return Field(default, description=description, validation_alias=AliasChoices(*names), **more)


class Settings(BaseSettings):
    """Settings of the server. Each is read from an environment variable, or passed by its name."""

    model_config = SettingsConfigDict(
        populate_by_name=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    host: str | None = _setting(
        None, "Address to listen on. Default: 0.0.0.0 with API keys, 127.0.0.1 without", "MOTORHEAD_HOST"
    )
    port: int = _setting(8000, "Port to listen on", "PORT", "MOTORHEAD_PORT", ge=0, le=65535)
    redis_url: str = _setting("redis://localhost:6379", "URL of Redis", "REDIS_URL", "MOTORHEAD_REDIS_URL", repr=False)
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
    long_term_memory: bool = _setting(
        False, "Whether messages are indexed, so that they can be searched", "MOTORHEAD_LONG_TERM_MEMORY"
    )
    model: str | None = _setting(
        None,
        "Model that summarizes: the name of an OpenAI model, or PROVIDER:NAME such as anthropic:NAME, as "
        "init_chat_model takes it. Default: gpt-4o-mini if OpenAI's key or base URL is set, else no model",
        "MOTORHEAD_MODEL",
    )
    embeddings: str | None = _setting(
        None,
        "Embedding model for searches: the name of an OpenAI model, or PROVIDER:NAME. Default: text-embedding-3-small",
        "MOTORHEAD_EMBEDDINGS",
    )
    openai_api_key: SecretStr | None = _setting(None, "API key for OpenAI", "OPENAI_API_KEY")
    openai_api_base: str | None = _setting(
        None, "Base URL of an OpenAI-compatible endpoint", "OPENAI_API_BASE", "OPENAI_BASE_URL"
    )
    summarizer_api_base: str | None = _setting(
        None,
        "Base URL of an OpenAI-compatible endpoint that only summarizes",
        "SUMMARIZER_API_BASE",
        "MOTORHEAD_SUMMARIZER_API_BASE",
    )
    azure_deployment_id: str | None = _setting(
        None, "Azure deployment of the model that summarizes", "AZURE_DEPLOYMENT_ID"
    )
    azure_deployment_id_ada: str | None = _setting(
        None, "Azure deployment of the embedding model", "AZURE_DEPLOYMENT_ID_ADA"
    )
    azure_api_base: str | None = _setting(None, "Azure endpoint", "AZURE_API_BASE")
    azure_api_key: SecretStr | None = _setting(None, "API key for Azure", "AZURE_API_KEY")
    azure_api_version: str = _setting("2024-10-21", "Version of the Azure API", "AZURE_API_VERSION")
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
            return json.loads(value)
        pairs = [each.strip().rpartition("=") for each in value.split(",") if each.strip()]
        if any(not key or not namespace for key, _, namespace in pairs):
            raise ValueError("the format is KEY=NAMESPACE,KEY=NAMESPACE, or a JSON object that maps keys to namespaces")
        return {key: namespace for key, _, namespace in pairs}

    @field_validator("api_keys")
    @classmethod
    def _check_keys(cls, value: dict[str, str] | None) -> dict[str, str] | None:
        if value and any(not key or not namespace for key, namespace in value.items()):
            raise ValueError("an API key and its namespace must not be empty")
        return value or None

    @field_validator("log_level")
    @classmethod
    def _check_level(cls, value: str) -> str:
        if value.lower() not in ("debug", "info", "warning", "error", "critical"):
            raise ValueError("the level must be debug, info, warning, error or critical")
        return value.lower()

    @property
    def listen_on(self) -> str:
        """Address to listen on. Without API keys, the default is reachable from this machine only."""
        return self.host or ("0.0.0.0" if self.api_keys else "127.0.0.1")  # noqa: S104 - API keys protect it


def variables() -> list[tuple[str, str, str]]:
    """List the environment variables: name, default and description of each."""
    rows = []
    for field in Settings.model_fields.values():
        aliases = field.validation_alias
        names = aliases.choices if isinstance(aliases, AliasChoices) else []
        default = "" if field.default is None else str(field.default).lower()
        rows.append((str(names[0]), default, field.description or ""))
    return rows
