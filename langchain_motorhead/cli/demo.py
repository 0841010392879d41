"""The command `motorhead demo`: its options, and what is wrong with them. Imports little, so that `--help` is quick.

Its annotations are read at run time, so they are not postponed.
"""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from langchain_motorhead.exceptions import MotorheadError

_MODEL = "openai:gpt-4o-mini"
_EXTRACTIVE = "extractive"
# Seconds. With a model, about what an application waits for its own model's answer, and so what a summary may take.
_DELAY, _MODEL_DELAY = 0.08, 0.3


def demo(
    url: Annotated[str, typer.Option(help="Redis to work on. Nothing stays on it.")] = "embedded://",
    dialogues: Annotated[
        int | None, typer.Option(min=1, help="Dialogues to replay.", show_default="all", metavar="N")
    ] = None,
    window: Annotated[int, typer.Option(min=2, help="Messages that a session keeps verbatim.", metavar="N")] = 12,
    llm: Annotated[
        str | None,
        typer.Option(
            help=f"Model that summarizes, named as init_chat_model takes it; '{_EXTRACTIVE}' for none.",
            show_default=f"{_MODEL} if OPENAI_API_KEY is set, else {_EXTRACTIVE}",
            metavar="NAME",
        ),
    ] = None,
    delay: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Seconds before each answer, as if a model took them.",
            show_default=f"{_DELAY}; with a model {_MODEL_DELAY}",
            metavar="SECONDS",
        ),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(help="Draw prompt tokens by turn, too: FILE.png or FILE.svg.", metavar="FILE"),
    ] = None,
) -> None:
    """Replay real dialogues as concurrent sessions, and account for every message."""
    if picture is not None:
        _check(picture)
    if llm is None:
        llm = _MODEL if os.environ.get("OPENAI_API_KEY") else _EXTRACTIVE
    model = None if llm == _EXTRACTIVE else llm
    if delay is None:
        delay = _DELAY if model is None else _MODEL_DELAY

    from langchain_motorhead.demo.replay import Settings
    from langchain_motorhead.demo.run import play

    if not play(Settings(url, window, model, delay), dialogues, picture):
        raise typer.Exit(1)


def _check(picture: Path) -> None:
    """Find out before the replay what would keep the picture from being drawn after it."""
    if picture.suffix.lower() not in (".png", ".svg"):
        raise typer.BadParameter(f"{picture} is neither a .png nor an .svg", param_hint="--picture")
    if not picture.absolute().parent.is_dir():
        raise typer.BadParameter(f"there is no folder {picture.absolute().parent}", param_hint="--picture")
    if find_spec("matplotlib") is None:
        raise MotorheadError('a picture needs matplotlib: pip install "langchain-motorhead[plot]"')
