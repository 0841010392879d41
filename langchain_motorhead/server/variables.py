"""The environment variables that configure the server: what each is for, and which ones are misspelled."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from pydantic import AliasChoices
from pydantic.fields import FieldInfo

from langchain_motorhead.server.settings import Settings

_PREFIX = "MOTORHEAD_"
# What Kubernetes sets for a service called motorhead.
_SERVICE_LINK = re.compile(r"MOTORHEAD_(SERVICE_.*|PORT_\d+_.*)")


def variables() -> list[tuple[str, str, str]]:
    """List the environment variables: name, default and description of each."""
    return [
        (
            _names_of(field)[0],
            "" if field.default in (None, ()) else str(field.default).lower(),
            _described(field),
        )
        for field in Settings.model_fields.values()
    ]


def _described(field: FieldInfo) -> str:
    others = _names_of(field)[1:]
    return f"{field.description}. Also named {' or '.join(others)}" if others else field.description or ""


def unknown_variables(names: Iterable[str]) -> list[str]:
    """Return a sentence for each environment variable that begins with `MOTORHEAD_` and is no setting.

    Args:
        names: Names of environment variables.
    """
    known = {name for field in Settings.model_fields.values() for name in _names_of(field)}
    own = {each.removeprefix(_PREFIX): each for each in known if each.startswith(_PREFIX)}
    sentences = []
    for name in sorted(names):
        upper = name.upper()
        if upper.startswith(_PREFIX) and upper not in known and not _SERVICE_LINK.fullmatch(name):
            similar = get_close_matches(upper.removeprefix(_PREFIX), own, n=1)
            hint = f". Did you mean {own[similar[0]]}?" if similar else ". motorhead serve --settings lists them"
            sentences.append(f"{name} is no setting and has no effect{hint}")
    return sentences


def _names_of(field: FieldInfo) -> list[str]:
    aliases = field.validation_alias
    return [str(each) for each in aliases.choices] if isinstance(aliases, AliasChoices) else []
