"""The plot: prompt tokens at each model call, with and without memory. The only module that imports matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from langchain_motorhead.demo.replay import Sight

_OURS, _WHOLE, _INK, _FAINT = "#0b7a75", "#c8553d", "#262626", "#767676"


def draw(sights: Sequence[Sight], path: Path, topic: str) -> None:
    """Draw the tokens of a session's prompt at each model call, and those of its whole transcript.

    Args:
        sights: What was measured at each call, in order.
        path: File to write, a `.png` or an `.svg`.
        topic: What was replayed, for the title.

    Raises:
        OSError: The file cannot be written.
    """
    # Text in an SVG stays text, and equal numbers give equal files.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "motorhead", "font.size": 11, "text.color": _INK}):
        figure = Figure(figsize=(9, 5), layout="constrained")
        axes = figure.add_subplot()
        _plot(axes, sights)
        _dress(axes)
        axes.set_title("The conversation grows, the prompt does not", loc="left", fontsize=15, weight="bold", pad=30)
        said = f"Tokens given to the model at each of its {len(sights)} calls, in one session of {topic}"
        axes.text(0, 1.035, said, transform=axes.transAxes, color=_FAINT)
        figure.savefig(
            path,
            dpi=160,
            bbox_inches="tight",
            pad_inches=0.3,
            metadata={"Date": None} if path.suffix.lower() == ".svg" else None,
        )


def _plot(axes: Axes, sights: Sequence[Sight]) -> None:
    calls = list(range(1, len(sights) + 1))
    whole, ours = [sight.transcript for sight in sights], [sight.prompt for sight in sights]
    axes.plot(calls, whole, color=_WHOLE, linewidth=2)
    axes.plot(calls, ours, color=_OURS, linewidth=2)
    axes.fill_between(calls, ours, color=_OURS, alpha=0.12, linewidth=0)
    axes.set_ylim(0, max(*whole, 1) * 1.05)
    axes.set_xlim(1, max(len(sights), 2))
    _label(axes, calls[-1], whole[-1], f"whole transcript\n{whole[-1]:,}", _WHOLE)
    _label(axes, calls[-1], ours[-1], f"summary + window\n{ours[-1]:,}, never above {max(ours):,}", _OURS)


def _label(axes: Axes, x: int, y: int, text: str, colour: str) -> None:
    axes.annotate(
        text,
        (x, y),
        (8, 0),
        textcoords="offset points",
        va="center",
        color=colour,
        weight="bold",
        annotation_clip=False,
    )


def _dress(axes: Axes) -> None:
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(_FAINT)
    axes.grid(axis="y", color="#e4e4e4", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=_FAINT, length=0, pad=6)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 5, 10], integer=True))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.set_xlabel("model call", color=_FAINT)
