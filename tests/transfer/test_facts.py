"""Facts in exports: imported with their sessions, once, and not learned again."""

from __future__ import annotations

import json

from langchain_core.messages import AIMessage, HumanMessage
from typer.testing import CliRunner

from langchain_motorhead import Facts
from langchain_motorhead.cli.main import _make_app
from langchain_motorhead.transfer.exporter import export_lines
from langchain_motorhead.transfer.importer import import_lines
from langchain_motorhead.transfer.policies import Existing
from support.factory import MakeMotorhead
from support.learners import ScriptedLearner


def test_facts_move_with_their_sessions(make: MakeMotorhead, namespace: str) -> None:
    """Sources are those of the imported sessions; a second import adds nothing; nothing is learned again."""
    learner = ScriptedLearner()
    there = make(facts=Facts(learner=learner, every=3_600))
    for name, user, text in (("a", "bob", "home: Rome"), ("b", "bob", "home: Oslo"), ("c", None, "likes tea")):
        there.session(name, user).append([HumanMessage(text), AIMessage("ok", id=f"{name}1")])
        there.session(name, user).learn()
    pinned = there.user("bob").remember("Is vegan")
    lines = list(export_lines(there))
    calls = len(learner.calls)
    here = make(namespace=f"{namespace} 2", facts=Facts(learner=learner, every=3_600))
    assert import_lines(here, lines).facts == 4
    assert import_lines(here, lines).facts == 0
    bob = here.user("bob")
    assert [fact.text for fact in bob.facts()] == ["Is vegan", "home: Oslo"]
    past = next(fact for fact in bob.facts(superseded=True) if not fact.is_open)
    (source,) = past.sources
    message = here.session("a", "bob").transcript()[0]
    assert (past.text, source.message_id, source.epoch) == (
        "home: Rome", message.message.id, here.session("a", "bob").load().epoch,
    )  # fmt: skip
    assert [fact.text for fact in here.user(session_id="c").facts()] == ["likes tea"]
    assert [here.session(name).learn().messages for name in "abc"] == [0, 0, 0]
    assert len(learner.calls) == calls
    here.session("b", "bob").delete()
    assert [fact.text for fact in bob.facts()] == ["Is vegan", "home: Rome"]
    replaced = import_lines(here, [line for line in lines if b'"session":"a"' in line], Existing.REPLACE)
    assert (replaced.problems, replaced.before) == (0, 1)
    here.session("a", "bob").append(HumanMessage("more"))
    changed = json.loads(next(line for line in lines if b'"session":"a"' in line))
    changed["updated"] += 1
    assert import_lines(here, [json.dumps(changed).encode()], Existing.REPLACE).imported == 1
    assert [fact.id for fact in bob.facts(superseded=True)] == [pinned.id]
    here.user("ann").remember("Has no session")
    (line,) = export_lines(here, user_id="ann")
    assert json.loads(line)["facts"][0]["text"] == "Has no session"
    bad = import_lines(
        here, [b'{"facts": 1, "user": "u"}', b'{"facts": [], "learned": {}}', b'{"facts": [{}], "user": "u"}']
    )
    assert bad.problems == 3


def test_the_commands_learn_and_show_facts(make: MakeMotorhead, url: str, namespace: str) -> None:
    """What was stored before is learned, with its cost; a fact can be stated and removed."""
    make().session("trip", "bob").append([HumanMessage("I live in Rome."), AIMessage("ok")])

    def motorhead(*args: str) -> str:
        result = CliRunner().invoke(_make_app(), [*args, "--url", url, "--namespace", namespace])
        assert result.exit_code == 0, result.output
        return result.stdout

    assert "2 messages learned: 1 new fact, for 0 tokens" in motorhead("learn", "--user", "bob")
    assert "0 messages learned" in motorhead("learn")
    shown = motorhead("facts", "bob", "--query", "Rome")
    assert "I live in Rome. (home)" in shown
    assert "trip 0: I live in Rome." in shown
    (stated,) = json.loads(motorhead("facts", "bob", "--remember", "Is vegan", "--json"))
    assert stated["pinned"] is True
    motorhead("facts", "bob", "--forget", stated["id"])
    assert "vegan" not in motorhead("facts", "bob", "--superseded")
