"""The server's settings, and the models that they name."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from langchain_motorhead import InvalidInputError
from langchain_motorhead.models.embedding_client import model_name
from langchain_motorhead.server import Settings
from langchain_motorhead.server import model_factory as models
from langchain_motorhead.server.variables import variables
from support.factory import built


def test_settings_are_the_originals(monkeypatch: pytest.MonkeyPatch) -> None:
    """The original's variables mean what they meant, with its defaults, and ours are beside them."""
    settings = Settings()
    assert (settings.port, settings.max_window_size, settings.long_term_memory) == (8000, 12, False)
    assert settings.listen_on == "127.0.0.1"
    for name, value in {
        "PORT": "9", "REDIS_URL": "redis://r", "MOTORHEAD_MAX_WINDOW_SIZE": "20", "MOTORHEAD_LONG_TERM_MEMORY": "true",
        "MOTORHEAD_MODEL": "gpt-4", "OPENAI_API_KEY": "sk-hush", "MOTORHEAD_API_KEYS": "k=1=A, l=B",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert (settings.port, settings.redis_url, settings.max_window_size) == (9, "redis://r", 20)
    assert (settings.api_keys, settings.listen_on) == ({"k=1": "A", "l": "B"}, "0.0.0.0")
    assert "hush" not in repr(settings)
    assert "k=1" not in repr(settings)
    with pytest.raises(ValueError, match="api_keys") as caught:
        Settings(api_keys="hush")
    assert "hush" not in str(caught.value)
    assert built(models.summarizer(settings)).model_name == "gpt-4"
    chosen = models.embeddings(settings.model_copy(update={"long_term_memory": True}))
    assert chosen is not None
    assert built(chosen.model).model == "text-embedding-3-small"


def test_models_of_the_settings(caplog: pytest.LogCaptureFixture) -> None:
    """Each way to name a model gives it; none gives extracts, which is said; a name without a key is refused."""
    with caplog.at_level(logging.WARNING):
        assert models.summarizer(Settings()) is None
    assert "no model is configured" in caplog.text
    own = built(models.summarizer(Settings(summarizer_api_base="http://local/v1", model="llama")))
    assert (own.openai_api_base, own.model_name) == ("http://local/v1", "llama")
    azure: Any = {"azure_api_key": "k", "azure_api_base": "https://x.openai.azure.com"}
    chat = built(models.summarizer(Settings(**azure, azure_deployment_id="d")))
    assert (chat.deployment_name, type(chat).__name__) == ("d", "AzureChatOpenAI")
    chosen = models.embeddings(Settings(**azure, azure_deployment_id_ada="e", long_term_memory=True))
    assert chosen is not None
    ada = built(chosen.model)
    assert chosen.name == model_name(ada)
    assert (ada.deployment, type(ada).__name__) == ("e", "AzureOpenAIEmbeddings")
    assert built(models.summarizer(Settings(model="anthropic:claude"))) == "anthropic:claude"
    for wrong in (Settings(model="gpt-4"), Settings(long_term_memory=True)):
        with pytest.raises(InvalidInputError, match="OPENAI_API_KEY"):
            models.summarizer(wrong) if wrong.model else models.embeddings(wrong)


def test_every_variable_is_told() -> None:
    """`motorhead serve --settings` says what each variable is."""
    names = [name for name, *_ in variables()]
    assert {"PORT", "REDIS_URL", "MOTORHEAD_API_KEYS", "SUMMARIZER_API_BASE", "AZURE_DEPLOYMENT_ID_ADA"} <= {*names}
    assert all(about for *_, about in variables())
    assert len(names) == len(Settings.model_fields)
    assert {name: about for name, _, about in variables()}["OPENAI_API_BASE"].endswith("named OPENAI_BASE_URL")
