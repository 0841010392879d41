"""From the settings to the models that summarize and embed, through langchain-openai or by a provider's name."""

from __future__ import annotations

import logging
from typing import Any

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.server.settings import Settings

logger = logging.getLogger(__name__)

_MODEL, _EMBEDDINGS = "gpt-4o-mini", "text-embedding-3-small"
# For an endpoint that asks for none.
_NO_KEY = "none"


def summarizer(settings: Settings) -> object:
    """Make what summarizes, or None for the extractive summarizer.

    Raises:
        InvalidInputError: A model is named that cannot be made.
    """
    if settings.summarizer_api_base:
        return _openai(settings, settings.model or _MODEL, settings.summarizer_api_base)
    model = chat_model(settings)
    if model is None:
        logger.warning(
            "no model is configured: summaries are extracts of what was said. Set MOTORHEAD_MODEL for better ones"
        )
    return model


def chat_model(settings: Settings) -> object:
    """Make the model that is configured, give the name of one of another provider, or None where there is none.

    Raises:
        InvalidInputError: A model is named that cannot be made.
    """
    name = settings.model
    if name is not None and ":" in name and not name.startswith("ft:"):
        return name
    if settings.azure_api_key and settings.azure_deployment_id:
        return _azure(settings)
    if settings.openai_api_key or settings.openai_api_base:
        return _openai(settings, name or _MODEL, settings.openai_api_base)
    if name is not None:
        raise InvalidInputError(
            f"MOTORHEAD_MODEL={name} needs OPENAI_API_KEY, OPENAI_API_BASE, SUMMARIZER_API_BASE or AZURE_API_KEY. For "
            "a model of another provider, write PROVIDER:NAME"
        )
    return None


def embeddings(settings: Settings) -> object:
    """Make what embeds, or None where long-term memory is off.

    Raises:
        InvalidInputError: Long-term memory is on, and there is no model for it.
    """
    if not settings.long_term_memory:
        return None
    name = settings.embeddings
    if name is not None and ":" in name:
        return name
    from langchain_openai import AzureOpenAIEmbeddings, OpenAIEmbeddings

    # Its own way to count tokens downloads an encoding; texts are cut to size already.
    options: dict[str, Any] = {"check_embedding_ctx_length": False}
    if settings.azure_api_key and settings.azure_deployment_id_ada:
        options |= {"azure_deployment": settings.azure_deployment_id_ada, "azure_endpoint": settings.azure_api_base}
        options |= {"api_key": settings.azure_api_key, "api_version": settings.azure_api_version}
        return AzureOpenAIEmbeddings(**options)
    if settings.openai_api_key or settings.openai_api_base:
        options |= {"base_url": settings.openai_api_base, "api_key": settings.openai_api_key or _secret()}
        return OpenAIEmbeddings(model=name or _EMBEDDINGS, **options)
    raise InvalidInputError(
        "MOTORHEAD_LONG_TERM_MEMORY needs an embedding model: set OPENAI_API_KEY, OPENAI_API_BASE, AZURE_API_KEY with "
        "AZURE_DEPLOYMENT_ID_ADA, or MOTORHEAD_EMBEDDINGS=PROVIDER:NAME"
    )


def _openai(settings: Settings, name: str, base: str | None) -> object:
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(model=name.removeprefix("openai:"), base_url=base, api_key=settings.openai_api_key or _secret())


def _azure(settings: Settings) -> object:
    from langchain_openai import AzureChatOpenAI

    return AzureChatOpenAI(
        azure_deployment=settings.azure_deployment_id,
        azure_endpoint=settings.azure_api_base,
        api_key=settings.azure_api_key,
        api_version=settings.azure_api_version,
        model=settings.model or _MODEL,
    )


def _secret() -> Any:
    from pydantic import SecretStr

    return SecretStr(_NO_KEY)
