"""Builds the summarizing model and the embedding model from the settings."""

from __future__ import annotations

import logging
from typing import Any

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.server.settings import Settings

logger = logging.getLogger(__name__)

_DEFAULT_MODEL, _DEFAULT_EMBEDDINGS = "gpt-4o-mini", "text-embedding-3-small"
# Sent to OpenAI-compatible endpoints that need no key; the client refuses to work without one.
_PLACEHOLDER_KEY = "none"


def summarizer(settings: Settings) -> object:
    """Build the summarizing model, or return None for the extractive summarizer, which needs no model.

    Raises:
        InvalidInputError: The settings name a model without the key or address it needs.
    """
    if settings.summarizer_api_base:
        return _openai(settings, settings.model or _DEFAULT_MODEL, settings.summarizer_api_base)
    model = chat_model(settings)
    if model is None:
        logger.warning(
            "no model is configured: summaries are extracts of the messages. Set MOTORHEAD_MODEL for better summaries"
        )
    return model


def chat_model(settings: Settings) -> object:
    """Build the configured chat model. Return its name if it is `PROVIDER:NAME`, and None if no model is configured.

    Raises:
        InvalidInputError: The settings name a model without the key or address it needs.
    """
    name = settings.model
    if name is not None and ":" in name and not name.startswith("ft:"):
        return name
    if settings.azure_api_key and settings.azure_deployment_id:
        return _azure(settings)
    if settings.openai_api_key or settings.openai_api_base:
        return _openai(settings, name or _DEFAULT_MODEL, settings.openai_api_base)
    if name is not None:
        raise InvalidInputError(
            f"MOTORHEAD_MODEL={name} needs OPENAI_API_KEY, OPENAI_API_BASE, SUMMARIZER_API_BASE or AZURE_API_KEY. For "
            "a model of another provider, set MOTORHEAD_MODEL=PROVIDER:NAME"
        )
    return None


def embeddings(settings: Settings) -> object:
    """Build the embedding model. Return its name if it is `PROVIDER:NAME`, and None if long-term memory is off.

    Raises:
        InvalidInputError: Long-term memory is on, and no embedding model is configured.
    """
    if not settings.long_term_memory:
        return None
    name = settings.embeddings
    if name is not None and ":" in name:
        return name
    from langchain_openai import AzureOpenAIEmbeddings, OpenAIEmbeddings

    # Its token count would download an encoding, and texts are short enough already.
    options: dict[str, Any] = {"check_embedding_ctx_length": False}
    if settings.azure_api_key and settings.azure_deployment_id_ada:
        options |= {"azure_deployment": settings.azure_deployment_id_ada, "azure_endpoint": settings.azure_api_base}
        options |= {"api_key": settings.azure_api_key, "api_version": settings.azure_api_version}
        return AzureOpenAIEmbeddings(**options)
    if settings.openai_api_key or settings.openai_api_base:
        options |= {"base_url": settings.openai_api_base, "api_key": settings.openai_api_key or _placeholder_key()}
        return OpenAIEmbeddings(model=name or _DEFAULT_EMBEDDINGS, **options)
    raise InvalidInputError(
        "MOTORHEAD_LONG_TERM_MEMORY needs an embedding model: set OPENAI_API_KEY, OPENAI_API_BASE, AZURE_API_KEY with "
        "AZURE_DEPLOYMENT_ID_ADA, or MOTORHEAD_EMBEDDINGS=PROVIDER:NAME"
    )


def _openai(settings: Settings, name: str, base: str | None) -> object:
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(
        model=name.removeprefix("openai:"), base_url=base, api_key=settings.openai_api_key or _placeholder_key()
    )


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
