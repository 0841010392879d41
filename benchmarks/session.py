"""What a turn costs at 10 to 100,000 messages: append, read and open, beside a pipeline by hand and other libraries.

    python benchmarks/session.py [--url redis://localhost:6379] [--sizes 10 1000 100000] [--rounds 400] [--json FILE]

Each takes turns with `floor` in one process and on one server, so that only the ratio of their medians counts; `floor`
is what one would write by hand, as `peers.py` has it. In pairs, since an application uses one library, and what six of
them leave in a processor's caches is to none. Then what goes over the wire for each, and what Redis keeps.
"""

from __future__ import annotations

import argparse
import statistics
import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import redis
from measuring import TURN, Work, counted, ratios, server, take_turns, tell, used, write
from peers import PEERS, Floor, Ours, Peer

COUNTS = ("round trips", "commands", "bytes up", "bytes down")
COUNTED = 20
WEIGHED = 5_000


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--url", help="an empty Redis, emptied at the end; by default one of its own")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 1_000, 10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=400)
    parser.add_argument("--seconds", type=float, default=3.0, help="that one library may take for one figure")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures to")
    options = parser.parse_args()
    warnings.simplefilter("ignore", DeprecationWarning)  # of peers
    with ExitStack() as stack:
        url = stack.enter_context(server(options.url))
        client = stack.enter_context(redis.Redis.from_url(url))
        peers = [cls(url) for cls in PEERS]
        for peer in peers:
            stack.callback(peer.close)
        figures: dict[str, Any] = {"times": {}, "micros": {}, "wire": {}, "memory": {}}
        for size in options.sizes:
            measure(peers, size, options, figures)
        names = [peer.name for peer in peers]
        tell("Time, as a multiple of floor", names, figures["times"], "of one turn of two messages of 60 words")
        wire(peers, client, figures)
        memory(url, client, figures)
    write(options.json, figures)


def measure(peers: list[Peer], size: int, options: argparse.Namespace, figures: dict[str, Any]) -> None:
    """Time each operation on sessions of a size."""
    able = [peer for peer in peers if peer.largest >= size]
    opened = {peer.name: peer.open(f"s{size}") for peer in able}
    for peer in able:
        peer.fill(opened[peer.name], TURN, size)
    works: dict[str, dict[str, Work]] = {
        "read": {peer.name: (lambda peer=peer: peer.read(opened[peer.name])) for peer in able},
        "append": {peer.name: (lambda peer=peer: peer.append(opened[peer.name], TURN)) for peer in able},
        "open and read": {peer.name: (lambda peer=peer: peer.read(peer.open(f"s{size}"))) for peer in able},
    }
    for what, each in works.items():
        row: dict[str, float] = {Floor.name: 1.0}
        micros: dict[str, float] = {}
        for name, work in each.items():
            if name != Floor.name:
                pair = {Floor.name: each[Floor.name], name: work}
                times = take_turns(pair, options.rounds, options.seconds)
                row[name] = ratios(times, Floor.name)[name]
                micros[name] = round(statistics.median(times[name]) * 1e6, 1)
        figures["times"][f"{what}, {size:,}"] = row
        figures["micros"][f"{what}, {size:,}"] = micros


def wire(peers: list[Peer], client: redis.Redis, figures: dict[str, Any]) -> None:
    """Count what each operation sends and receives, on a session of 100 messages."""
    for what in ("read", "append"):
        for peer in peers:
            opened = peer.open("wire")
            if what == "read":
                peer.fill(opened, TURN, 100)
            peer.read(opened)  # connects
            with counted(client) as counts:
                for _ in range(COUNTED):
                    peer.read(opened) if what == "read" else peer.append(opened, TURN)
            figures["wire"][f"{what}: {peer.name}"] = {name: round(counts[name] / COUNTED, 1) for name in COUNTS}
    tell("Over the wire, for one operation on a session of 100 messages", COUNTS, figures["wire"])


def memory(url: str, client: redis.Redis, figures: dict[str, Any]) -> None:
    """Weigh what is kept of many messages, of none beside the list, and of a session that was compacted."""
    rows = figures["memory"]

    def weigh(name: str, peer: Peer, session: str, count: int) -> None:
        before = used(client)
        peer.fill(peer.open(session), TURN, count)
        rows[name] = {"bytes a message": round((used(client) - before) / count, 1)}

    floor, ours = Floor(url), Ours(url)
    ours.append(ours.open("first"), TURN)  # makes the scripts known
    before = used(client)
    record = b'{"role":"Human","content":"' + str(TURN[0].content).encode() + b'"}'
    for _ in range(0, WEIGHED, 100):
        client.rpush("bare", *[record] * 100)
    rows["a bare list"] = {"bytes a message": round((used(client) - before) / WEIGHED, 1)}
    weigh("floor", floor, "weighed", WEIGHED)
    weigh("motorhead", ours, "weighed", WEIGHED)
    for peer in (cls(url) for cls in PEERS if cls not in (Floor, Ours) and cls.largest >= WEIGHED):
        weigh(peer.name, peer, "weighed", WEIGHED)
        peer.close()
    ours.fill(ours.open("warm"), TURN, 100)
    ours.open("warm").compact()
    for count in (100, 1_000, 10_000):
        session = ours.open(f"compacted {count}")
        for _ in range(0, count, 100):
            ours.fill(session, TURN, 100)
            session.compact()
        sizes: list[Any] = [client.memory_usage(key) for key in (session._keys.messages, session._keys.state)]
        rows[f"motorhead, {count:,} appended and compacted"] = {"bytes in all": sum(sizes)}
    floor.close()
    ours.close()
    tell("Memory of Redis", ("bytes a message", "bytes in all"), rows)


if __name__ == "__main__":
    main()
