"""The command `demo`: its options and their checks. It imports little, so that `--help` is fast.

Typer reads the annotations of commands at run time, so they are not postponed.
"""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from langchain_motorhead.cli.common import is_server
from langchain_motorhead.cli.help import CONNECTION
from langchain_motorhead.cli.models import models
from langchain_motorhead.exceptions import InvalidInputError, MotorheadError

_EXTRACTIVE = "extractive"
# One of them is enough to have a model.
_ADDRESSES = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE", "SUMMARIZER_API_BASE")
# Simulated time until an answer. With a real model, summaries need about as long as a model's answer.
_DELAY_SECONDS, _MODEL_DELAY_SECONDS = 0.08, 0.3


def demo(
    *,
    dialogues: Annotated[
        int | None, typer.Option(min=1, help="Number of dialogues. Default: all.", metavar="N")
    ] = None,
    window: Annotated[
        int, typer.Option(min=2, help="Newest messages that each session keeps verbatim.", metavar="N")
    ] = 12,
    model: Annotated[
        str | None,
        typer.Option(
            help=f"Model that writes summaries, as in motorhead chat, or {_EXTRACTIVE} for none.",
            envvar="MOTORHEAD_MODEL",
            show_envvar=True,
            metavar="NAME",
        ),
    ] = None,
    delay: Annotated[
        float | None,
        typer.Option(
            min=0,
            help=f"Time until a simulated answer. Default: {_DELAY_SECONDS}, or {_MODEL_DELAY_SECONDS} with a model.",
            metavar="SECONDS",
        ),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(
            help="Write a plot of the prompt tokens of each model call: FILE.png or FILE.svg.", metavar="FILE"
        ),
    ] = None,
    url: Annotated[
        str,
        typer.Option(
            help="Redis to use. Default: an embedded one.",
            metavar="URL",
            show_default=False,
            rich_help_panel=CONNECTION,
        ),
    ] = "embedded://",
) -> None:
    """Replay real dialogues, and check that no message is lost.

    They are concurrent sessions. On a Redis of yours, all keys of the demo are deleted at the end.
    """
    if picture is not None:
        _check(picture)
    if is_server(url):
        raise InvalidInputError("the demo counts what its own summarizer was given, so --url must be that of a Redis")
    found = None
    if model != _EXTRACTIVE and (model or any(map(os.environ.get, _ADDRESSES))):
        found = models(model)
    if delay is None:
        delay = _DELAY_SECONDS if found is None else _MODEL_DELAY_SECONDS

    from langchain_motorhead.demo.replay import ReplaySettings
    from langchain_motorhead.demo.run import play

    name, summarizer = (None, None) if found is None else (found[2], found[1])
    if not play(ReplaySettings(url, window, name, delay, summarizer), dialogues, picture):
        raise typer.Exit(1)


def _check(picture: Path) -> None:
    """Check before the replay that the plot can be drawn after it."""
    if picture.suffix.lower() not in (".png", ".svg"):
        raise typer.BadParameter(f"{picture} is neither a .png nor an .svg", param_hint="--picture")
    if not picture.absolute().parent.is_dir():
        raise typer.BadParameter(f"there is no folder {picture.absolute().parent}", param_hint="--picture")
    if find_spec("matplotlib") is None:
        raise MotorheadError('a picture needs matplotlib: pip install "langchain-motorhead[plot]"')
