"""The command `demo`: its options and their checks. It imports little, so that `--help` is fast.

Typer reads the annotations of commands at run time, so they are not postponed.
"""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from langchain_motorhead.exceptions import MotorheadError

_MODEL = "openai:gpt-4o-mini"
_EXTRACTIVE = "extractive"
# Simulated time until an answer. With a real model, summaries need about as long as a model's answer.
_DELAY_SECONDS, _MODEL_DELAY_SECONDS = 0.08, 0.3


def demo(
    url: Annotated[
        str, typer.Option(help="URL of the Redis to use. All keys of the demo are deleted at the end.")
    ] = "embedded://",
    dialogues: Annotated[
        int | None, typer.Option(min=1, help="Number of dialogues to replay.", show_default="all", metavar="N")
    ] = None,
    window: Annotated[int, typer.Option(min=2, help="Messages that a session keeps verbatim.", metavar="N")] = 12,
    llm: Annotated[
        str | None,
        typer.Option(
            "--model",
            "--llm",
            help=f"Model that summarizes, as PROVIDER:NAME for init_chat_model, or '{_EXTRACTIVE}' for none.",
            show_default=f"{_MODEL} if OPENAI_API_KEY is set, else {_EXTRACTIVE}",
            metavar="NAME",
        ),
    ] = None,
    delay: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Seconds before each answer, to simulate a model.",
            show_default=f"{_DELAY_SECONDS}; with a model {_MODEL_DELAY_SECONDS}",
            metavar="SECONDS",
        ),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(help="Also plot the prompt tokens of each model call into FILE.png or FILE.svg.", metavar="FILE"),
    ] = None,
) -> None:
    """Replay real dialogues as concurrent sessions, and account for every message."""
    if picture is not None:
        _check(picture)
    if llm is None:
        llm = _MODEL if os.environ.get("OPENAI_API_KEY") else _EXTRACTIVE
    model = None if llm == _EXTRACTIVE else llm
    if delay is None:
        delay = _DELAY_SECONDS if model is None else _MODEL_DELAY_SECONDS

    from langchain_motorhead.demo.replay import ReplaySettings
    from langchain_motorhead.demo.run import play

    if not play(ReplaySettings(url, window, model, delay), dialogues, picture):
        raise typer.Exit(1)


def _check(picture: Path) -> None:
    """Check before the replay that the plot can be drawn after it."""
    if picture.suffix.lower() not in (".png", ".svg"):
        raise typer.BadParameter(f"{picture} is neither a .png nor an .svg", param_hint="--picture")
    if not picture.absolute().parent.is_dir():
        raise typer.BadParameter(f"there is no folder {picture.absolute().parent}", param_hint="--picture")
    if find_spec("matplotlib") is None:
        raise MotorheadError('a picture needs matplotlib: pip install "langchain-motorhead[plot]"')
