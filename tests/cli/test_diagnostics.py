"""What the doctor finds on real servers, well kept and not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import redis
from langchain_core.messages import HumanMessage

from langchain_motorhead import HashingEmbeddings, Motorhead
from langchain_motorhead.diagnostics.doctor import Finding, Level, examine
from support.factory import MakeMotorhead
from support.messages import numbered
from support.redis_servers import server


def findings(url: str, **options: object) -> dict[str, Finding]:
    """Give what is found, by name."""
    with Motorhead.from_url(url, **options) as motorhead:  # type: ignore[arg-type]
        return {finding.name: finding for finding in examine(motorhead)}


def test_a_server_without_persistence(url: str, namespace: str) -> None:
    """Without persistence, the promise is broken."""
    assert findings(url, namespace=namespace)["persistence"].level is Level.BROKEN


def test_a_well_kept_server(tmp_path: Path) -> None:
    """With an append-only file that is flushed always, and no eviction, nothing is broken."""
    options = ("--appendonly", "yes", "--appendfsync", "always")
    with server(tmp_path, *options) as port:
        found = findings(f"redis://127.0.0.1:{port}")
        assert not [each for each in found.values() if each.level is Level.BROKEN]
        assert found["persistence"].level is Level.FINE
        assert findings(f"redis://127.0.0.1:{port}", embeddings=HashingEmbeddings())["search module"].level == "broken"


def test_eviction(tmp_path: Path) -> None:
    """A Redis that drops keys at its limit breaks the promise."""
    with server(tmp_path, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru") as port:
        assert findings(f"redis://127.0.0.1:{port}")["memory"].level is Level.BROKEN


def test_index_of_another_model_and_backlog(url: str, namespace: str, make: MakeMotorhead) -> None:
    """An index of another model is broken; what waits to be summarized is counted."""
    motorhead = make(embeddings=HashingEmbeddings(64), compaction="manual")
    motorhead.session("a").append(numbered(20))
    motorhead.flush()
    found = findings(url, namespace=namespace, embeddings=HashingEmbeddings(32))
    assert found["index"].level is Level.BROKEN
    assert "8 messages of 1" in found["backlog"].value
    assert findings(url, namespace=namespace, embeddings=HashingEmbeddings(64))["index"].level is Level.FINE


def test_marks(make: MakeMotorhead, client: redis.Redis, url: str, namespace: str) -> None:
    """It reports a session that does not recognise its messages: marks are gone, all or those of one message."""
    session = make(compaction="manual").session("s")
    session.append([*numbered(3), *(HumanMessage("x", id=f"x{at}") for at in range(60))])
    assert findings(url, namespace=namespace)["known messages"].level is Level.FINE
    keys = session._keys
    stored = client.hget(keys.marks, "0") or b""
    client.hset(keys.marks, "0", stored[9:])
    assert findings(url, namespace=namespace)["known messages"].level is Level.BROKEN
    client.delete(keys.marks)
    client.hset(keys.state, "marks", 0)
    assert "'s'" in findings(url, namespace=namespace)["known messages"].advice


def test_versions_of_summaries(make: MakeMotorhead, client: redis.Redis, url: str, namespace: str) -> None:
    """`doctor` names the sessions whose list of summary versions is shorter than they count."""
    session = make(compaction="manual").session("s")
    session.append(numbered(20))
    session.compact()
    assert findings(url, namespace=namespace)["summary versions"].level is Level.FINE
    client.delete(session._keys.summaries)
    found = findings(url, namespace=namespace)["summary versions"]
    assert (found.level, "'s'" in found.advice) == (Level.NOTE, True)
    assert session.load().summary


def test_cluster(cluster_url: str, namespace: str) -> None:
    """Each primary of a cluster is looked at, and no socket to any is left open."""
    with Motorhead.from_url(cluster_url, namespace=namespace) as motorhead:
        names = [finding.name for finding in examine(motorhead)]
        client: Any = motorhead.backend.require_redis().connection.sync_client
        pools = [node.redis_connection.connection_pool for node in client.get_nodes()]
        opened = [each for pool in pools for each in pool._available_connections if each._sock is not None]
    assert len([name for name in names if name.startswith("persistence of")]) == 3
    assert len(opened) >= 3
    assert not [each for each in opened if each._sock is not None]
