"""The README's snippets run, and its tables are complete."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import tomllib
import warnings
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.prompts import PromptTemplate

import langchain_motorhead
from langchain_motorhead import Motorhead, MotorheadMemory, Options, RemoteOptions, exceptions
from langchain_motorhead.server import Settings, create_app
from support.http_servers import served

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainDeprecationWarning")
async def test_snippets_run(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every Python snippet of the README runs, one after the other, with a scripted model and the tests' server."""
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of LangChain's classic chains
        from langchain_classic.chains import LLMChain

        template = "{chat_history}\nHuman: {human_input}\nAI:"
        prompt = PromptTemplate(input_variables=["chat_history", "human_input"], template=template)
        model = FakeListChatModel(responses=["Hello Bob!", "Your name is Bob."])
        names: dict[str, Any] = {"LLMChain": LLMChain, "llm": model, "model": model, "prompt": prompt, "tools": []}
        assert len(SNIPPETS) >= 5
        app = create_app(Settings(), motorhead=lambda _: Motorhead.from_url(f"{url}?db=0", namespace="afar"))
        with served(app) as afar:
            for snippet in SNIPPETS:
                code = compile(
                    snippet.replace("redis://localhost:6379", url).replace("http://localhost:8000", afar),
                    "README.md",
                    "exec",
                    flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
                )
                result = eval(code, names)
                if inspect.iscoroutine(result):
                    await result
                if isinstance(names.get("memory"), MotorheadMemory):
                    memory = names["memory"]
    assert "whats my name?" in str(await asyncio.to_thread(lambda: memory.chat_memory.messages))
    for session_id in ("testing-1", "session-1", "session-2", "thread-1", "thread-2"):
        await memory.chat_memory.motorhead.session(session_id).adelete()
    await memory.chat_memory.motorhead.aclose()


def test_every_option_is_in_the_table() -> None:
    """Each option, and each error, is named in the README."""
    for name in {*Options.__annotations__, *RemoteOptions.__annotations__} - {"embeddings"}:
        assert f"\n| `{name}` |" in README
    for name, value in vars(exceptions).items():
        if isinstance(value, type):
            assert f"`{name}`" in README


def test_every_public_name_has_a_docstring() -> None:
    """What can be imported from the package says what it promises, and so do its public methods."""
    for name in langchain_motorhead.__all__:
        value = getattr(langchain_motorhead, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert value.__doc__, name
            for attribute, method in vars(value).items():
                if inspect.isfunction(method) and not attribute.startswith("_"):
                    assert method.__doc__, f"{name}.{attribute}"


def test_commands_exist() -> None:
    """What the README and CONTRIBUTING tell one to type is there: targets, extras, scripts, and what they link to."""
    texts = README + (ROOT / "CONTRIBUTING.md").read_text()
    targets = set(re.findall(r"(?m)^([a-z]+):.*##", (ROOT / "Makefile").read_text()))
    assert {*re.findall(r"\bmake ([a-z]+)(?=`|  | #|\n)", texts)} <= targets
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {*re.findall(r"langchain-motorhead\[([a-z]+)\]", texts)} <= set(project["optional-dependencies"])
    assert {*re.findall(r"`(motorhead)\b", texts)} <= set(project["scripts"])
    for path in re.findall(r"\]\((?!http)([^)#]+)\)|python (benchmarks/\S+\.py)", texts):
        assert (ROOT / (path[0] or path[1])).exists(), path


def test_contributing_names_modules_that_are_there() -> None:
    """The map of the modules is of this package, and names where the compaction rule is."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    for name in re.findall(r"`((?:scripts/|tests/)?\w+\.(?:py|lua))`", text):
        folder = ROOT if name.startswith("tests/") else ROOT / "langchain_motorhead"
        assert (folder / name).exists() or (folder / "server" / name).exists(), name
    assert "`plan` in `window.py`" in text
