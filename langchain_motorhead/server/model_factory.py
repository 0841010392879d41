"""Chooses the summarizing model and the embedding model by the settings. Each is built when it is first needed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from langchain_motorhead.concurrency.deferred import Deferred
from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.models import by_name
from langchain_motorhead.models.redaction import redact
from langchain_motorhead.server.settings import Settings

logger = logging.getLogger(__name__)

HASHING = "hashing"
"""Value of `MOTORHEAD_EMBEDDINGS` for embeddings that need no model."""

# Of the index. Asking the class for it would import it.
_HASHING_NAME = "HashingEmbeddings:words and 3 to 5 characters of them"
_OPENAI = "openai:"
_DEFAULT_MODEL, _DEFAULT_EMBEDDINGS = "gpt-4o-mini", "text-embedding-3-small"
# Sent to OpenAI-compatible endpoints that need no key; the client refuses to work without one.
_PLACEHOLDER_KEY = "none"


Build: TypeAlias = Callable[[], object]


class EmbeddingChoice(NamedTuple):
    """The embedding model that the settings choose.

    Attributes:
        model: The model, or its name as `PROVIDER:NAME`.
        name: Name of the model that is stored with the search index, or None if only the model itself knows it.
    """

    model: Deferred[object]
    name: str | None


def summarizer(settings: Settings) -> Deferred[object] | None:
    """Choose the summarizing model. None is the extractive summarizer, which needs no model.

    Raises:
        InvalidInputError: The settings name a model without the key or address it needs.
    """
    build = _own_model(settings) or chat_model(settings)
    if build is None:
        logger.warning(
            "no model is configured: summaries are extracts of the messages. Set MOTORHEAD_MODEL for better summaries"
        )
        return None
    return Deferred(lambda: _limited(build(), settings))


def learner(settings: Settings) -> Deferred[object] | None:
    """Choose the model that learns facts, which is the one that summarizes. None for a learner without a model.

    Raises:
        InvalidInputError: The settings name a model without the key or address it needs.
    """
    build = _own_model(settings) or chat_model(settings)
    return None if build is None else Deferred(build)


def _own_model(settings: Settings) -> Build | None:
    """Return what builds the model of the endpoint that only summarizes, if there is one."""
    if not settings.summarizer_api_base:
        return None
    name = settings.model or _DEFAULT_MODEL
    return lambda: _openai(settings, name, settings.summarizer_api_base, "SUMMARIZER_API_BASE")


def _limited(model: object, settings: Settings) -> object:
    """Return a model with the input budget of the settings, as a summarizer, or the model itself if there is none."""
    if settings.summarizer_input_tokens is None:
        return model
    from langchain_motorhead.summarizers.creating import create_summarizer

    built: Any = by_name.chat_model(model, "MOTORHEAD_MODEL") if isinstance(model, str) else model
    return create_summarizer(
        built, max_input_tokens=settings.summarizer_input_tokens, max_output_tokens=settings.summary_tokens
    )


def chat_model(settings: Settings) -> Build | None:
    """Return what builds the configured chat model, or returns its name if it is `PROVIDER:NAME`. None without a model.

    Raises:
        InvalidInputError: The settings name a model without the key or address it needs.
    """
    name = settings.model
    if name is not None and _names_provider(name, settings):
        return lambda: name
    if settings.azure_deployment_id and (settings.azure_api_key or not _has_openai(settings)):
        _check_azure(settings)
        return lambda: _built("AZURE_DEPLOYMENT_ID", lambda: _azure(settings))
    if _has_openai(settings):
        return lambda: _openai(settings, name or _DEFAULT_MODEL, settings.openai_api_base, "MOTORHEAD_MODEL")
    if name is not None:
        raise InvalidInputError(
            f"the model {name!r} needs OPENAI_API_KEY, OPENAI_API_BASE, SUMMARIZER_API_BASE or AZURE_API_KEY. A model "
            "of another provider is written PROVIDER:NAME, in MOTORHEAD_MODEL or --model"
        )
    return None


def embeddings(settings: Settings) -> EmbeddingChoice | None:
    """Choose the embedding model. None if long-term memory is off.

    Raises:
        InvalidInputError: Long-term memory is on, and no embedding model is configured.
    """
    if not settings.long_term_memory:
        return None
    name = settings.embeddings
    if name == HASHING:
        return EmbeddingChoice(Deferred(_hashing), _HASHING_NAME)
    if name is not None and _names_provider(name, settings):
        return EmbeddingChoice(Deferred(lambda: name), None)
    # Its token count would download an encoding, and texts are short enough already.
    options: dict[str, Any] = {"check_embedding_ctx_length": False}
    if settings.azure_deployment_id_ada and (settings.azure_api_key or not _has_openai(settings)):
        _check_azure(settings)
        options |= {"azure_deployment": settings.azure_deployment_id_ada, "azure_endpoint": settings.azure_api_base}
        options |= {"api_key": settings.azure_api_key, "api_version": settings.azure_api_version}
        named = f"AzureOpenAIEmbeddings:{settings.azure_deployment_id_ada}"
        return EmbeddingChoice(_embeddings("AZURE_DEPLOYMENT_ID_ADA", "AzureOpenAIEmbeddings", options), named)
    if _has_openai(settings):
        options |= {"base_url": settings.openai_api_base, "api_key": settings.openai_api_key or _placeholder_key()}
        options["model"] = (name or _DEFAULT_EMBEDDINGS).removeprefix(_OPENAI)
        named = f"OpenAIEmbeddings:{options['model']}"
        return EmbeddingChoice(_embeddings("MOTORHEAD_EMBEDDINGS", "OpenAIEmbeddings", options), named)
    raise InvalidInputError(
        "MOTORHEAD_LONG_TERM_MEMORY needs an embedding model: set OPENAI_API_KEY, OPENAI_API_BASE, AZURE_API_KEY with "
        "AZURE_DEPLOYMENT_ID_ADA, or MOTORHEAD_EMBEDDINGS to PROVIDER:NAME, or to hashing, which needs no model"
    )


def _hashing() -> object:
    from langchain_motorhead.models.hashing_embeddings import HashingEmbeddings

    return HashingEmbeddings()


def _embeddings(setting: str, kind: str, options: Mapping[str, Any]) -> Deferred[object]:
    def build() -> object:
        import langchain_openai

        return getattr(langchain_openai, kind)(**options)

    return Deferred(lambda: _built(setting, build))


def _names_provider(name: str, settings: Settings) -> bool:
    """Return whether a name is `PROVIDER:NAME`, to be built by the provider's package.

    Names of models may have a colon too, such as `llama3.2:3b`. With a base URL, what stands before the colon is taken
    for a provider only if there is such a one. OpenAI's own models are built here, with the key and base URL of the
    settings.
    """
    provider, colon, _ = name.partition(":")
    if not colon or provider == "ft":
        return False
    if name.startswith(_OPENAI):
        return not _has_openai(settings)
    return settings.openai_api_base is None or provider in by_name.PROVIDERS


def _has_openai(settings: Settings) -> bool:
    return bool(settings.openai_api_key or settings.openai_api_base)


def _check_azure(settings: Settings) -> None:
    """Raise an error if a deployment of Azure is named without the address or the key it needs."""
    needed = {"AZURE_API_KEY": settings.azure_api_key, "AZURE_API_BASE": settings.azure_api_base}
    if missing := [name for name, value in needed.items() if not value]:
        raise InvalidInputError(
            f"a deployment of Azure also needs {' and '.join(missing)}. AZURE_API_BASE is the address of the resource, "
            "such as https://NAME.openai.azure.com"
        )


def _built(setting: str, build: Callable[[], object]) -> object:
    """Return what a function builds. Its error may repeat keys, so only its first line is kept, without credentials.

    Raises:
        InvalidInputError: It cannot be built.
    """
    problem = ""
    try:
        return build()
    except Exception as error:  # noqa: BLE001 - providers' errors have no common base class
        problem = redact(next(iter(str(error).splitlines()), type(error).__name__))
    raise InvalidInputError(f"the model of {setting} cannot be used: {problem}")


def _openai(settings: Settings, name: str, base: str | None, setting: str) -> object:
    from langchain_openai import ChatOpenAI

    key = settings.openai_api_key or _placeholder_key()
    return _built(setting, lambda: ChatOpenAI(model=name.removeprefix(_OPENAI), base_url=base, api_key=key))


def _azure(settings: Settings) -> object:
    from langchain_openai import AzureChatOpenAI

    return AzureChatOpenAI(
        azure_deployment=settings.azure_deployment_id,
        azure_endpoint=settings.azure_api_base,
        api_key=settings.azure_api_key,
        api_version=settings.azure_api_version,
        model=settings.model or _DEFAULT_MODEL,
    )


def _placeholder_key() -> Any:
    from pydantic import SecretStr

    return SecretStr(_PLACEHOLDER_KEY)
