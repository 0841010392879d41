"""How help is laid out: the panels of commands and options, and the classes of typer that every command has."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup

CONNECTION = "Connection"
MEMORY = "Memory"


class Command(TyperCommand):
    """A command. Its help shows no type for flags, which take no value, and joins the lines of a paragraph."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        self.help = "\n\n".join(" ".join(each.split()) for each in (self.help or "").split("\n\n"))
        super().format_help(ctx, formatter)

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, with `--help`."""
        return _without_types_of_flags(super().get_params(ctx))


class Group(TyperGroup):
    """A group of commands. Its help shows no type for flags, which take no value."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, with `--help`."""
        return _without_types_of_flags(super().get_params(ctx))


def _without_types_of_flags(params: list[Any]) -> list[Any]:
    for each in params:
        if getattr(each, "is_flag", False) and each.metavar is None:
            each.metavar = ""
    return params
