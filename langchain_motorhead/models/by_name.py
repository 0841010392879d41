"""Build a chat model or an embedding model from its name, such as `"openai:gpt-4o-mini"`.

LangChain's own functions do it where `langchain` or `langchain-classic` is installed. Without both, the packages of
OpenAI's models are used directly, so that the extra `openai` alone is enough.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.models.redaction import redact

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings
    from langchain_core.language_models import BaseChatModel

PROVIDERS = frozenset(
    "anthropic anthropic_bedrock azure_ai azure_openai baseten bedrock bedrock_converse "
    "bedrock_mantle_anthropic bedrock_mantle_openai cohere deepseek fireworks "
    "google_anthropic_vertex google_genai google_vertexai groq huggingface ibm langsmith litellm meta mistralai nvidia "
    "ollama openai openrouter perplexity together upstage xai".split()
)
"""Providers that `init_chat_model` and `init_embeddings` know."""

_PACKAGES = ("langchain", "langchain_classic")
_OPENAI = "openai"
# Prefixes by which init_chat_model takes a name without a provider for one of OpenAI's.
_OPENAI_PREFIXES = ("gpt-", "o1", "o3", "o4", "chatgpt")
_INSTALL = (
    'install the extra "openai" (pip install "langchain-motorhead[openai]") for a model of OpenAI, or the extra '
    '"langgraph" and the provider\'s package, such as langchain-anthropic, for another'
)


def chat_model(name: str, option: str) -> BaseChatModel:
    """Build the chat model with a name.

    Args:
        name: As `init_chat_model` takes it: `"PROVIDER:MODEL"`, or a model's name alone where that says the provider.
        option: Name of the option that held it, for the error.

    Raises:
        InvalidInputError: The model cannot be built: its package or its key is missing, or the provider is unknown.
    """
    try:
        build = _function("chat_models", "init_chat_model")
        model: BaseChatModel = build(name) if build is not None else _openai("ChatOpenAI", name)
    except Exception as error:
        raise InvalidInputError(
            f"{option}={name!r} cannot be used as a chat model ({_one_line(error)}). Give a name that init_chat_model "
            'accepts, such as "openai:gpt-4o-mini", with its package installed and its key set, or give the model '
            "itself"
        ) from error
    return model


def embedding_model(name: str) -> Embeddings:
    """Build the embedding model with a name.

    Args:
        name: As `init_embeddings` takes it: `"PROVIDER:MODEL"`.

    Raises:
        InvalidInputError: The model cannot be built: its package or its key is missing, or the provider is unknown.
    """
    # OpenAI's class would download an encoding to count tokens with. The texts are cut to size already.
    is_openai = name.partition(":")[0] in (_OPENAI, "azure_openai")
    options = {"check_embedding_ctx_length": False} if is_openai else {}
    try:
        build = _function("embeddings", "init_embeddings")
        model: Embeddings = (
            build(name, **options) if build is not None else _openai("OpenAIEmbeddings", name, **options)
        )
    except Exception as error:
        raise InvalidInputError(
            f"embeddings={name!r} cannot be used as an embedding model ({_one_line(error)}). Give a name that "
            'init_embeddings accepts, such as "openai:text-embedding-3-small", with its package installed and its '
            "key set, or give the model itself"
        ) from error
    return model


def _function(module: str, name: str) -> Callable[..., Any] | None:
    """Return LangChain's function from whichever of its packages is installed, or None."""
    for package in _PACKAGES:
        try:
            function: Callable[..., Any] = getattr(import_module(f"{package}.{module}"), name)
        except ModuleNotFoundError:
            continue
        return function
    return None


def _openai(kind: str, name: str, **options: Any) -> Any:
    """Build a model of the package langchain-openai.

    Raises:
        ImportError: The name is not one of OpenAI's, or the package is missing.
    """
    provider, colon, model = name.partition(":")
    if not (provider == _OPENAI and model) and not (not colon and name.startswith(_OPENAI_PREFIXES)):
        raise ImportError(_INSTALL)
    try:
        package = import_module("langchain_openai")
    except ModuleNotFoundError as error:
        raise ImportError(_INSTALL) from error
    return getattr(package, kind)(model=model or name, **options)


def _one_line(error: Exception) -> str:
    return redact(" ".join(str(error).split()))
