"""Models by name, and what is said where an optional package is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

WITHOUT = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
"""


def without(*missing: str, code: str) -> str:
    """Run code in a process in which some packages cannot be imported. Returns what it printed."""
    script = WITHOUT.format(missing=missing) + code
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


BUILD = """
import os
os.environ["OPENAI_API_KEY"] = "none"
from langchain_motorhead.models.by_name import chat_model, embedding_model
print(type(chat_model({name!r}, "llm")).__name__, type(embedding_model("openai:text-embedding-3-small")).__name__)
"""


@pytest.mark.parametrize("missing", [("langchain",), ("langchain_classic",), ("langchain", "langchain_classic")])
@pytest.mark.parametrize("name", ["openai:gpt-4o-mini", "gpt-4o-mini"])
def test_openai_by_name(missing: tuple[str, ...], name: str) -> None:
    """A model of OpenAI is built by its name with LangChain, with its classic package, or with neither."""
    assert without(*missing, code=BUILD.format(name=name)) == "ChatOpenAI OpenAIEmbeddings"


REFUSED = """
from langchain_motorhead import InvalidInputError
from langchain_motorhead.models.by_name import chat_model, embedding_model
for build in (lambda: chat_model({name!r}, "llm"), lambda: embedding_model({name!r})):
    try:
        build()
    except InvalidInputError as error:
        print(error)
"""


@pytest.mark.parametrize("name", ["anthropic:claude-3", "openai:gpt-4o-mini", "nobody"])
def test_a_missing_package_is_named(name: str) -> None:
    """Without the packages that a name needs, the error names the extras that bring them."""
    missing = ("langchain", "langchain_classic", "langchain_openai")
    chat, embeddings = without(*missing, code=REFUSED.format(name=name)).splitlines()
    for error, option in ((chat, "llm"), (embeddings, "embeddings")):
        assert error.startswith(f"{option}={name!r} cannot be used")
        assert '"langchain-motorhead[openai]"' in error
        assert '"langgraph"' in error


PUBLIC = """
import langchain_motorhead as m
for name in ("MotorheadMemory", "MotorheadMiddleware", "MemoryState", "MotorheadStore"):
    try:
        getattr(m, name)
    except m.MissingExtraError as error:
        print(name, str(error).split('"')[1], isinstance(error, ImportError))
motorhead = m.Motorhead.from_url("redis://localhost:1")
for call in (lambda: motorhead.memory("s"), lambda: motorhead.store()):
    try:
        call()
    except m.MissingExtraError as error:
        print(str(error).split('"')[1])
"""


def test_public_names_name_their_extra() -> None:
    """A public name whose package is missing raises an error that says which extra to install."""
    said = without("langchain", "langchain_classic", "langgraph", code=PUBLIC).splitlines()
    classic, langgraph = "langchain-motorhead[classic]", "langchain-motorhead[langgraph]"
    assert said == [
        f"MotorheadMemory {classic} True",
        f"MotorheadMiddleware {langgraph} True",
        f"MemoryState {langgraph} True",
        f"MotorheadStore {langgraph} True",
        classic,
        langgraph,
    ]
