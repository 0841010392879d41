"""What the server can be told by its environment: the original's variables, and ours for what is new."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


def _variable(default: Any, description: str, *names: str, **more: Any) -> Any:
    return Field(default, description=description, validation_alias=AliasChoices(*names), **more)


class Settings(BaseSettings):
    """Settings of the server, each read from a variable of the environment, or given by its name."""

    model_config = SettingsConfigDict(
        populate_by_name=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    host: str | None = _variable(
        None, "Address to listen on. Default: 0.0.0.0 with API keys, 127.0.0.1 without", "MOTORHEAD_HOST"
    )
    port: int = _variable(8000, "Port to listen on", "PORT", "MOTORHEAD_PORT", ge=0, le=65535)
    redis_url: str = _variable(
        "redis://localhost:6379", "Redis to work on", "REDIS_URL", "MOTORHEAD_REDIS_URL", repr=False
    )
    max_window_size: int = _variable(
        12, "Messages kept verbatim, and returned at most", "MOTORHEAD_MAX_WINDOW_SIZE", ge=2
    )
    max_window_tokens: int | None = _variable(
        None, "Tokens kept verbatim. Default: no such bound", "MOTORHEAD_MAX_WINDOW_TOKENS", ge=2
    )
    hard_limit: int | None = _variable(
        None,
        "Newest messages that a read with limit= returns at most. Default: twice the window",
        "MOTORHEAD_HARD_LIMIT",
        ge=2,
    )
    long_term_memory: bool = _variable(False, "Whether to index messages for retrieval", "MOTORHEAD_LONG_TERM_MEMORY")
    model: str | None = _variable(
        None,
        "Model that summarizes: an OpenAI model's name, or one of any provider as init_chat_model takes it, such as "
        "anthropic:NAME. Default: gpt-4o-mini where there is a key or an address for it, else no model",
        "MOTORHEAD_MODEL",
    )
    embeddings: str | None = _variable(
        None,
        "Embedding model of retrieval, named likewise. Default: text-embedding-3-small of OpenAI",
        "MOTORHEAD_EMBEDDINGS",
    )
    openai_api_key: SecretStr | None = _variable(None, "Key for OpenAI", "OPENAI_API_KEY")
    openai_api_base: str | None = _variable(
        None, "Base URL of an OpenAI-compatible endpoint", "OPENAI_API_BASE", "OPENAI_BASE_URL"
    )
    summarizer_api_base: str | None = _variable(
        None, "The same, for the summaries alone", "SUMMARIZER_API_BASE", "MOTORHEAD_SUMMARIZER_API_BASE"
    )
    azure_deployment_id: str | None = _variable(None, "Azure's deployment of the model", "AZURE_DEPLOYMENT_ID")
    azure_deployment_id_ada: str | None = _variable(
        None, "Azure's deployment of the embedding model", "AZURE_DEPLOYMENT_ID_ADA"
    )
    azure_api_base: str | None = _variable(None, "Azure's endpoint", "AZURE_API_BASE")
    azure_api_key: SecretStr | None = _variable(None, "Key for Azure", "AZURE_API_KEY")
    azure_api_version: str = _variable("2024-10-21", "Version of Azure's API", "AZURE_API_VERSION")
    namespace: str = _variable(
        "default", "Namespace of the sessions, where there are no API keys", "MOTORHEAD_NAMESPACE", min_length=1
    )
    api_keys: Annotated[dict[str, str] | None, NoDecode] = _variable(
        None,
        "API keys, each with the namespace that it is bound to: KEY=NAMESPACE,KEY=NAMESPACE, or a JSON object",
        "MOTORHEAD_API_KEYS",
        repr=False,
    )
    ttl: float | None = _variable(
        None, "Seconds until a session expires unless written to. Default: never", "MOTORHEAD_TTL", gt=0
    )
    summary_timeout: float = _variable(60.0, "Seconds that a summary may take", "MOTORHEAD_SUMMARY_TIMEOUT", gt=0)
    max_concurrency: int = _variable(
        16, "Sessions summarized at once by one server; the tenants take turns", "MOTORHEAD_MAX_CONCURRENCY", ge=1
    )
    shutdown_timeout: float = _variable(
        20.0,
        "Seconds that requests, and then summaries, in flight have to end in when the server stops",
        "MOTORHEAD_SHUTDOWN_TIMEOUT",
        ge=0,
    )
    max_body_bytes: int = _variable(
        8 * 1024 * 1024, "Bytes of a request's body at most (413)", "MOTORHEAD_MAX_BODY_BYTES", ge=1
    )
    max_messages: int = _variable(
        2_000,
        "Messages of a request at most (413)",
        "MOTORHEAD_MAX_MESSAGES_PER_REQUEST",
        "MOTORHEAD_MAX_MESSAGES",
        ge=1,
    )
    max_id_length: int = _variable(1_024, "Characters of an id at most (400)", "MOTORHEAD_MAX_ID_LENGTH", ge=1)
    log_level: str = _variable("info", "Least level that is logged", "MOTORHEAD_LOG_LEVEL")

    @field_validator("api_keys", mode="before")
    @classmethod
    def _parse_keys(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if value.lstrip().startswith("{"):
            return json.loads(value)
        pairs = [each.strip().rpartition("=") for each in value.split(",") if each.strip()]
        if any(not key or not namespace for key, _, namespace in pairs):
            raise ValueError("give KEY=NAMESPACE,KEY=NAMESPACE, or a JSON object from keys to namespaces")
        return {key: namespace for key, _, namespace in pairs}

    @field_validator("api_keys")
    @classmethod
    def _check_keys(cls, value: dict[str, str] | None) -> dict[str, str] | None:
        if value and any(not key or not namespace for key, namespace in value.items()):
            raise ValueError("an API key and its namespace are not empty")
        return value or None

    @field_validator("log_level")
    @classmethod
    def _check_level(cls, value: str) -> str:
        if value.lower() not in ("debug", "info", "warning", "error", "critical"):
            raise ValueError("the level is debug, info, warning, error or critical")
        return value.lower()

    @property
    def listen_on(self) -> str:
        """Address to listen on: without keys that of this machine alone, unless told otherwise."""
        return self.host or ("0.0.0.0" if self.api_keys else "127.0.0.1")  # noqa: S104 - keys guard it


def variables() -> list[tuple[str, str, str]]:
    """List the variables that are read: name, default, and what it is."""
    rows = []
    for field in Settings.model_fields.values():
        aliases = field.validation_alias
        names = aliases.choices if isinstance(aliases, AliasChoices) else []
        default = "" if field.default is None else str(field.default).lower()
        rows.append((str(names[0]), default, field.description or ""))
    return rows
