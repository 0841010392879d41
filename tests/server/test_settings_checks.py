"""Settings that cannot be used, are misspelled, or name models: what the server says of them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Any

import pytest

from langchain_motorhead import HashingEmbeddings, InvalidInputError
from langchain_motorhead.cli.serve import read_settings
from langchain_motorhead.models.embedding_client import model_name
from langchain_motorhead.server import Settings, create_app
from langchain_motorhead.server import model_factory as models
from langchain_motorhead.server.variables import unknown_variables
from support.factory import built

BASE = "http://127.0.0.1:11434/v1"


@pytest.mark.parametrize(
    ("name", "means"),
    [
        ("llama3.2:3b", "llama3.2:3b"),
        ("deepseek/deepseek-r1:free", "deepseek/deepseek-r1:free"),
        ("openai:llama3.2:3b", "llama3.2:3b"),
        ("mistral:7b-instruct-q4_0", "mistral:7b-instruct-q4_0"),
        ("hf.co/bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M", "hf.co/bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M"),
        ("gpt-4o", "gpt-4o"),
        ("ft:gpt-4o:org::id", "ft:gpt-4o:org::id"),
    ],
)
def test_names_with_a_colon_at_a_base_url(name: str, means: str) -> None:
    """With a base URL, a name with a colon is that of a model there, for chat, summaries and embeddings."""
    for settings in (Settings(model=name, openai_api_base=BASE), Settings(model=name, summarizer_api_base=BASE)):
        model = built(models.summarizer(settings))
        assert (model.model_name, model.openai_api_base) == (means, BASE)
    chosen = models.embeddings(Settings(embeddings=name, openai_api_base=BASE, long_term_memory=True))
    assert chosen is not None
    embeddings = built(chosen.model)
    assert (embeddings.model, embeddings.openai_api_base) == (means, BASE)
    assert chosen.name == model_name(embeddings)


def test_names_of_providers() -> None:
    """PROVIDER:NAME is that provider's model without a base URL, and with one too if there is such a provider."""
    assert built(models.summarizer(Settings(model="anthropic:claude", openai_api_base=BASE))) == "anthropic:claude"
    for name in ("anthropic:claude", "openai:gpt-4o", "somebody:model"):
        assert built(models.summarizer(Settings(model=name))) == name
        chosen = models.embeddings(Settings(embeddings=name, long_term_memory=True))
        assert chosen is not None
        assert (built(chosen.model), chosen.name) == (name, None)


def test_embeddings_without_a_model() -> None:
    """`hashing` names embeddings that need no model and no key."""
    chosen = models.embeddings(Settings(embeddings="hashing", long_term_memory=True))
    assert chosen is not None
    assert isinstance(built(chosen.model), HashingEmbeddings)
    assert chosen.name == model_name(built(chosen.model))
    app = create_app(Settings(embeddings="hashing", long_term_memory=True))
    assert app.state.tenants.any.backend.require_redis().maintenance.indexer is not None


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"azure_api_key": "hush", "azure_deployment_id": "d"}, "AZURE_API_BASE"),
        ({"azure_deployment_id": "d", "azure_api_base": "https://x.openai.azure.com"}, "AZURE_API_KEY"),
        ({"azure_deployment_id": "d"}, "AZURE_API_KEY and AZURE_API_BASE"),
        ({"azure_api_key": "hush", "azure_deployment_id_ada": "d", "long_term_memory": True}, "AZURE_API_BASE"),
    ],
)
def test_azure_says_what_is_missing(given: dict[str, Any], says: str) -> None:
    """A deployment of Azure without its address or its key is a clear error that repeats no key."""
    build = models.embeddings if "long_term_memory" in given else models.summarizer
    with pytest.raises(InvalidInputError, match=says) as caught:
        build(Settings(**given))
    assert "hush" not in str(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize(
    "given",
    [
        {"azure_api_base": "example.openai.azure.com"},
        {"openai_api_base": "localhost:11434/v1"},
        {"cors_origins": "chat.example"},
        {"cors_origins": "https://chat.example/page"},
        {"root_path": "/sessions"},
        {"root_path": "/a b"},
        {"keep_alive": -1},
        {"summarizer_input_tokens": 1},
        {"cors_origins": "[1]"},
        {"shutdown_timeout": "inf"},
        {"api_keys": "hush=a,hush=b"},
        {"api_keys": '{"hush": "a", "hush": "b"}'},
        {"api_keys": "hüsh=a"},
    ],
)
def test_settings_that_cannot_be_used(given: dict[str, Any]) -> None:
    """A value of the wrong form is an error at the start, which names the setting."""
    with pytest.raises(InvalidInputError, match=next(iter(given))) as caught:
        read_settings(given)
    assert not {"hush", "hüsh"} & set(re.findall(r"\w+", str(caught.value)))
    assert "Value error" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"hard_limit": 3}, "MOTORHEAD_HARD_LIMIT must not be lower than MOTORHEAD_MAX_WINDOW_SIZE"),
        ({"facts": True, "archive": False}, "MOTORHEAD_FACTS needs the archive"),
    ],
)
def test_settings_that_do_not_fit_together(given: dict[str, Any], says: str) -> None:
    """Values that exclude each other are an error at the start, which names the variables."""
    with pytest.raises(InvalidInputError, match=f"the settings cannot be used: {says}"):
        read_settings(given)


def test_settings_with_several_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Origins and the prefix are read in every form that is documented; a Kubernetes service link is no port."""
    monkeypatch.setenv("MOTORHEAD_PORT", "tcp://10.0.0.1:8000")
    settings = Settings(cors_origins=' ["https://a.example/"] ', root_path="memory/")
    assert (settings.port, settings.cors_origins, settings.root_path) == (8000, ("https://a.example",), "/memory")
    assert Settings(cors_origins="https://a, http://b:1").cors_origins == ("https://a", "http://b:1")


def test_the_sentinels_login_comes_from_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables of the Sentinels' login complete the URL, and are in no `repr`."""
    monkeypatch.setenv("MOTORHEAD_SENTINEL_PASSWORD", "hu/sh")
    settings = Settings(redis_url="redis+sentinel://:p@h/m", sentinel_username="u")
    assert settings.redis_address.endswith("?sentinel_username=u&sentinel_password=hu%2Fsh")
    assert "hu/sh" not in repr(settings)


def test_the_input_budget_reaches_the_summarizer() -> None:
    """The setting limits what one request for a summary contains, for each way to name a model."""
    given: Any
    for given in ({"openai_api_base": BASE}, {"summarizer_api_base": BASE}):
        summarizer = built(models.summarizer(Settings(**given, summarizer_input_tokens=3_000)))
        assert summarizer.max_input_tokens == 3_000


def test_unknown_variables_name_the_closest() -> None:
    """A variable that looks like a setting is named with the closest setting; others are not mentioned."""
    names = ["MOTORHEAD_MAX_WINDOW", "motorhead_ttl", "MOTORHEAD_API_KEY", "MOTORHEAD_PORT", "MOTORHEAD_XYZZY",
             "MOTORHEAD_SERVICE_HOST", "MOTORHEAD_PORT_8000_TCP_ADDR", "PATH"]  # fmt: skip
    said = unknown_variables(names)
    assert [each.partition(" ")[0] for each in said] == [
        "MOTORHEAD_API_KEY", "MOTORHEAD_MAX_WINDOW", "MOTORHEAD_XYZZY"
    ]  # fmt: skip
    assert "MOTORHEAD_API_KEYS" in said[0]
    assert "MOTORHEAD_MAX_WINDOW_SIZE" in said[1]
    assert "serve --settings" in said[2]


def test_a_server_with_a_wrong_url_does_not_start() -> None:
    """A parameter of the URL that does not exist ends the command with 1 and one line that names the closest."""
    environment = {**os.environ, "REDIS_URL": "redis://:hush@h?scoket_timeout=5", "MOTORHEAD_MAX_WINDOW": "9"}
    command = [sys.executable, "-m", "langchain_motorhead.cli", "serve"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "Did you mean 'socket_timeout'" in ended.stderr.splitlines()[-1]
    assert "Did you mean MOTORHEAD_MAX_WINDOW_SIZE" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "hush" not in ended.stderr
