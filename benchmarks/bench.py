"""All that can be compared, one after the other: tables here, figures as JSON and a plot in build/bench.

    python benchmarks/bench.py [--folder build/bench] [--quick]
                               [--only session tracing crowd summaries summary_quality rebuild prompts recall rest start
                                       imports motorheads]
                               [--agent-memory-server VENV/bin/agent-memory] [--small-model VENV/bin/python]
                               [--motorhead http://127.0.0.1:8080 [--motorhead-pid PID] [--motorhead-redis URL]]
                               [--dialogues FILE.jsonl] [--model openai:NAME]

Each part is a program of its own, and says of itself what it measures. Only ratios within a part mean something: the
parts run one after the other, on a machine that may have been busier for one than for another.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
NAMES = (
    "session",
    "tracing",
    "crowd",
    "summaries",
    "summary_quality",
    "rebuild",
    "prompts",
    "recall",
    "rest",
    "start",
    "imports",
    "motorheads",
)
PARTS: dict[str, list[str]] = {name: [] for name in NAMES}
QUICK: dict[str, list[str]] = {
    "session": ["--sizes", "10", "1000", "--rounds", "20", "--seconds", "0.1"],
    "tracing": ["--rounds", "50"],
    "crowd": ["--sessions", "1", "64", "--rounds", "3", "--seconds", "0.2"],
    "summaries": ["--messages", "100", "--windows", "12", "--folded", "500"],
    "summary_quality": ["--most", "2"],
    "prompts": ["--windows", "12", "--turns", "20", "--count", "1"],
    "recall": ["--messages", "1000", "--searches", "50"],
    "rebuild": ["--messages", "1000"],
    "rest": ["--rounds", "2", "--seconds", "0.3"],
    "start": ["--rounds", "1", "--seconds", "0.5"],
    "imports": ["--rounds", "1"],
    "motorheads": ["--rounds", "1", "--seconds", "0.2", "--clients", "4", "--crowd", "8"],
}


def main() -> None:
    """Run the parts, and draw what they found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--folder", type=Path, default=Path("build/bench"))
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--quick", action="store_true", help="a minute, to see that it works; the figures mean little")
    parser.add_argument("--agent-memory-server", metavar="COMMAND", help="its `agent-memory`")
    parser.add_argument("--motorhead", metavar="URL", help="an original Motorhead of this machine")
    parser.add_argument("--motorhead-pid", metavar="PID", help="its process, if its port does not tell")
    parser.add_argument("--motorhead-redis", metavar="URL", help="its Redis, to tell how much CPU that uses")
    parser.add_argument("--small-model", metavar="PYTHON", help="Python that has the model of make real")
    parser.add_argument("--dialogues", metavar="FILE", help="what summary_quality and prompts replay")
    parser.add_argument(
        "--model", metavar="NAME", help="a model that summary_quality measures, such as openai:gpt-4o-mini"
    )
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in options.only:
        if name == "motorheads" and not options.motorhead:
            continue
        print(f"--- benchmarks/{name}.py ---", flush=True)
        arguments = [*(QUICK[name] if options.quick else PARTS[name]), "--json", str(options.folder / f"{name}.json")]
        if name == "prompts":
            arguments += [options.dialogues] if options.dialogues else []
        if name == "rest" and options.agent_memory_server:
            arguments += ["--agent-memory-server", options.agent_memory_server]
        if name == "motorheads":
            arguments += ["--motorhead", options.motorhead]
            arguments += ["--motorhead-pid", options.motorhead_pid] if options.motorhead_pid else []
            arguments += ["--motorhead-redis", options.motorhead_redis] if options.motorhead_redis else []
        if name == "summary_quality":
            arguments += [options.dialogues] if options.dialogues else []
            arguments += ["--model", options.model] if options.model else []
            arguments += ["--small-model", options.small_model] if options.small_model else []
        subprocess.run([sys.executable, str(HERE / f"{name}.py"), *arguments], check=True)  # noqa: S603
    plot = options.folder / "bench.png"
    draw(options.folder, plot)
    print(plot)


def draw(folder: Path, path: Path) -> None:
    """Draw the figures that are there."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    found = {name: json.loads(file.read_text()) for name in PARTS if (file := folder / f"{name}.json").exists()}
    figure, axes = plt.subplots(2, 2, figsize=(13, 9), layout="constrained")
    if "session" in found:
        for axis, what in zip(axes[0], ("read", "append"), strict=True):
            lines(axis, found["session"]["times"], what)
    if "crowd" in found:
        turns = found["crowd"]["turns"]
        bars(axes[1][0], turns, "turns a second of one event loop,\nas a multiple of a pipeline each")
    if "summaries" in found:
        totals(axes[1][1], found["summaries"]["tokens"])
    figure.savefig(path, dpi=110)


def lines(axis: Any, times: dict[str, dict[str, float]], what: str) -> None:
    """Draw the time of an operation by the size of a session."""
    rows = {int(row.split(", ")[1].replace(",", "")): ratios for row, ratios in times.items() if row.startswith(what)}
    for name in rows[min(rows)]:
        there = [(size, ratios[name]) for size, ratios in sorted(rows.items()) if name in ratios]
        bold = name in ("motorhead", "floor")
        axis.plot(*zip(*there, strict=True), marker="o", label=name, linewidth=2.5 if bold else 1.2)
    axis.set(
        xscale="log", yscale="log", xlabel="messages of the session", title=f"{what}: time, as a multiple of floor"
    )
    axis.grid(visible=True, which="major", alpha=0.3)
    axis.legend()


def bars(axis: Any, rows: dict[str, dict[str, float]], title: str) -> None:
    """Draw a group of bars for each row."""
    names = list(max(rows.values(), key=len))
    for at, name in enumerate(names):
        heights = [row.get(name, 0.0) for row in rows.values()]
        bar = axis.bar([place + (at - len(names) / 2) * 0.2 for place in range(len(rows))], heights, 0.18, label=name)
        axis.bar_label(bar, fmt=lambda height: f"{height:.2g}" if height else "", fontsize=8)
    axis.set(title=title, xticks=range(len(rows)), xticklabels=list(rows))
    axis.legend()


def totals(axis: Any, rows: dict[str, dict[str, float]]) -> None:
    """Draw what summaries and prompts cost together, beside each other way to remember."""
    bar = axis.barh(list(rows), [row["in all"] / 1e3 for row in rows.values()])
    axis.bar_label(bar, [f" {row['to everything']:.2g}" for row in rows.values()], fontsize=8)
    axis.set(title="thousand tokens of a model for a conversation,\nand as a share of everything", xscale="log")
    axis.set_xlim(right=axis.get_xlim()[1] * 2)
    axis.invert_yaxis()


if __name__ == "__main__":
    main()
