"""The options have one list of names and one of defaults, and their documentation agrees with both."""

from __future__ import annotations

import ast
import inspect
import re
from typing import Any

import pytest

from langchain_motorhead import (
    HashingEmbeddings,
    InvalidInputError,
    Motorhead,
    MotorheadChatMessageHistory,
    MotorheadMemory,
    MotorheadRetriever,
    Options,
    RemoteOptions,
    Window,
)
from langchain_motorhead.backends.http import connect_to
from langchain_motorhead.integrations import memory, retriever
from langchain_motorhead.options import DEFAULTS, REMOTE_DEFAULTS, UrlOptions
from langchain_motorhead.recall.query import Query
from langchain_motorhead.recall.search_options import SearchOptions, to_query

NOWHERE = "redis://127.0.0.1:1"


def documented_defaults(options: type) -> dict[str, Any]:
    """Read the default of each option from its entry in the docstring."""
    entries = re.split(r"(?m)^    (?=\w+: )", inspect.cleandoc(options.__doc__ or "").partition("Attributes:\n")[2])
    defaults = {}
    for entry in filter(str.strip, entries):
        name, _, text = entry.partition(": ")
        (value,) = re.findall(r"Default:\s+`([^`]+)`\.\Z", text.strip())
        defaults[name] = Window() if value == "Window()" else ast.literal_eval(value)
    return defaults


@pytest.mark.parametrize(("options", "defaults"), [(Options, DEFAULTS), (RemoteOptions, REMOTE_DEFAULTS)])
def test_documented_defaults_are_those_used(options: type, defaults: dict[str, Any]) -> None:
    """Each option is in the docstring, with the default that is used."""
    assert list(options.__annotations__) == list(defaults)
    assert documented_defaults(options) == defaults


def test_every_option_of_a_server_is_taken_by_its_backend() -> None:
    """The HTTP backend takes the options for a server, with the same defaults."""
    parameters = inspect.signature(connect_to).parameters.values()
    taken = {each.name: each.default for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY}
    assert taken == REMOTE_DEFAULTS


def test_lists_of_options_are_derived() -> None:
    """The chain memory has a field for each option, with its default; the retriever has those that a search needs."""
    assert set(UrlOptions.__annotations__) == {*DEFAULTS, *REMOTE_DEFAULTS} == memory.OPTIONS
    fields = MotorheadMemory.model_fields
    for name, default in {**DEFAULTS, **REMOTE_DEFAULTS, "window": None}.items():
        assert fields[name].default == default, name
    assert {"embeddings", "recall", "namespace", "api_key", "client_id"} == retriever.OPTIONS


def test_options_of_a_search_are_those_of_a_retriever() -> None:
    """`Session.search` takes the fields of a retriever, and both have the defaults of a query."""
    fields, query = MotorheadRetriever.model_fields, to_query("x", "n")
    assert query == Query("x")
    for name in (*SearchOptions.__annotations__, "k"):
        assert fields[name].default == getattr(query, name), name


@pytest.mark.parametrize(
    "make",
    [
        lambda **options: Motorhead.from_url(NOWHERE, **options),
        lambda **options: Motorhead.from_url("http://127.0.0.1:1", **options),
        lambda **options: MotorheadChatMessageHistory("s", url=NOWHERE, **options),
        lambda **options: MotorheadMemory(session_id="s", url=NOWHERE, **options),
    ],
)
def test_a_misspelled_option_is_reported_with_the_closest_one(make: Any) -> None:
    """The error says which option there is not, and which one was probably meant, however the Motorhead is made."""
    with pytest.raises(InvalidInputError, match=r"there is no option 'windw'\. Did you mean 'window'\?"):
        make(windw=Window(4))
    with pytest.raises(InvalidInputError, match=r"there is no option 'qqqq'\Z"):
        make(qqqq=1)


def test_a_misspelled_option_of_a_search() -> None:
    """A search reports a misspelled option, and a value that cannot be used, by the option's name."""
    with Motorhead.from_url(NOWHERE, embeddings=HashingEmbeddings()) as motorhead:
        search: Any = motorhead.session("s").search
        for call in (search, motorhead.retriever().invoke):
            with pytest.raises(InvalidInputError, match=r"no option 'neighbours'\. Did you mean 'neighbors'\?"):
                call("x", neighbours=1)
        wrong = {"k": 0, "neighbors": 21, "search_type": "bm25", "roles": "human", "lambda_mult": 2, "filter": "@user"}
        for name, value in wrong.items():
            with pytest.raises(InvalidInputError, match=name):
                search("x", **{name: value})


class Custom(Motorhead):
    """A subclass as a user may write it."""


@pytest.mark.parametrize("url", [f"{NOWHERE}/0", "redis://bob:hidden@127.0.0.1:1", "http://bob:hidden@127.0.0.1:1"])
def test_a_subclass_stays_one_and_shows_no_secret(url: str) -> None:
    """`from_url` makes an object of the class that it is called on; its text names what it is, and no password."""
    options: Any = {"api_key": "hidden"} if url.startswith("http") else {}
    with Custom.from_url(url, **options) as motorhead:
        assert type(motorhead) is Custom
        assert repr(motorhead).startswith(f"Custom(namespace={motorhead.namespace!r}, ")
        session = motorhead.session("s1", "u1")
        assert repr(session).startswith("Session('s1', user_id='u1', namespace=")
        assert "hidden" not in repr(motorhead) + repr(session) + repr(motorhead.memory("s1"))
