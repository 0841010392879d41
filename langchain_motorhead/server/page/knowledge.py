"""Facts about a user, or of a session without one: the view, and the actions on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from langchain_motorhead.facts.editing import DEFAULT_ATTRIBUTE
from langchain_motorhead.facts.model import USER, Fact
from langchain_motorhead.facts.records import to_data
from langchain_motorhead.handles.user import User
from langchain_motorhead.server.http.errors import NotFoundError
from langchain_motorhead.server.page.actions.action import Action, Field, Fields, Subject
from langchain_motorhead.server.page.browsing import done
from langchain_motorhead.server.page.forms import state_of
from langchain_motorhead.server.page.visit import Answer, Visit
from langchain_motorhead.sessions import registry_operations as listing

PAGE_FACTS = 100
"""Facts that hold on a page, and as many that hold no longer."""

_CHANGED = "the fact was changed or forgotten since you opened this form. Nothing was changed"


@dataclass(frozen=True, slots=True)
class FactView:
    """A fact, and the ones before it that it superseded, the newest first."""

    fact: Fact
    before: list[Fact]


async def facts(visit: Visit) -> Answer:
    """Show the facts about a user, with their sources, validity and history."""
    user, session_id, text = visit.query("user"), visit.query("id"), visit.query("q")
    if session_id and not user:
        owner = await visit.backend.aexecute(listing.owner(visit.keys()))
        if owner is not None:  # the facts are those of the user
            return visit.go("/facts", user=owner)
    found = await _user(visit).afacts(text or None, superseded=True)
    held = [fact for fact in found if fact.is_open][:PAGE_FACTS]
    closed = [fact for fact in found if not fact.is_open]
    rows = [FactView(fact, _before(fact, closed)) for fact in held]
    told = {each.id for row in rows for each in row.before}
    past = [FactView(fact, []) for fact in closed if fact.id not in told][:PAGE_FACTS]
    values = {"user": user, "id": session_id, "rows": rows, "past": past, "q": text, "done": done(visit)}
    more = len(found) - len(rows) - len(past) - len(told)
    return "facts", {**values, "more": max(0, more), "here": "users", "tab": "facts"}


def _before(fact: Fact, closed: list[Fact]) -> list[Fact]:
    """Return the facts that a fact superseded, and those that these superseded, the newest first."""
    chain, wanted = list[Fact](), {fact.id}
    for each in sorted(closed, key=lambda one: one.closed_at or one.said_at, reverse=True):
        if each.superseded_by in wanted and len(chain) < PAGE_FACTS:
            chain.append(each)
            wanted.add(each.id)
    return chain


async def look(visit: Visit) -> Subject:
    """Read the fact."""
    fact = await _fact(visit)
    return Subject(_name(visit), _address(visit), state_of(to_data(fact)), fact.text)


async def look_to_correct(visit: Visit) -> Subject:
    """Read the fact, to be corrected."""
    fact = await _fact(visit)
    field = Field("text", "What holds instead", fact.text, needed=True)
    return Subject(_name(visit), _address(visit), state_of(to_data(fact)), fact.text, (field,))


async def look_to_remember(visit: Visit) -> Subject:
    """Ask for a new fact. It depends on nothing that is stored."""
    _user(visit)
    fields = (
        Field("text", "Fact", hint="In a sentence, such as: Is allergic to nuts", needed=True),
        Field("subject", "About", USER, hint="user, or a name or role such as: user's sister"),
        Field("attribute", "What it says of it", hint="In a few words, such as: home town"),
    )
    return Subject(_name(visit), _address(visit), state_of("new"), fields=fields)


async def _remember(visit: Visit, fields: Fields) -> Answer:
    subject, attribute = fields.get("subject", "").strip(), fields.get("attribute", "").strip()
    user = _user(visit)
    await user.aremember(fields.get("text", ""), subject=subject or USER, attribute=attribute or DEFAULT_ATTRIBUTE)
    return _back(visit, "remembered")


async def _correct(visit: Visit, fields: Fields) -> Answer:
    await _user(visit).acorrect(visit.query("fact"), fields.get("text", ""))
    return _back(visit, "corrected")


async def _pin(visit: Visit, _: Fields) -> Answer:
    fact = await _fact(visit)
    await _user(visit).aremember(fact.text, subject=fact.subject, attribute=fact.attribute)
    return _back(visit, "pinned")


async def _forget(visit: Visit, _: Fields) -> Answer:
    if not await _user(visit).aforget(visit.query("fact")):
        raise _missing()
    return _back(visit, "fact-forgotten")


ACTIONS: Mapping[str, Action] = {
    "remember": Action(
        "Remember a fact",
        "It is pinned: no model changes it. Only a person can correct or forget it.",
        "Remember", "remember fact", look_to_remember, _remember,
    ),
    "correct": Action(
        "Correct this fact",
        "Your text takes its place, and is pinned: no model changes it. The fact so far stays in the history.",
        "Correct", "correct fact", look_to_correct, _correct, changed=_CHANGED,
    ),
    "pin": Action(
        "Pin this fact?",
        "No model changes it any more. Only a person can correct or forget it.",
        "Pin", "pin fact", look, _pin, changed=_CHANGED,
    ),
    "forget-fact": Action(
        "Forget this fact?",
        "It is removed for good, and facts that it had superseded hold again. The messages that stated it stay.",
        "Forget for good", "forget fact", look, _forget, grave=True, changed=_CHANGED,
    ),
}  # fmt: skip
"""The actions, by their name in the address."""


def _user(visit: Visit) -> User:
    user, session_id = visit.query("user"), visit.query("id")
    return visit.motorhead.user(user or None, session_id=None if user else session_id or None)


async def _fact(visit: Visit) -> Fact:
    wanted = visit.query("fact")
    for fact in await _user(visit).afacts(superseded=True):
        if fact.id == wanted:
            return fact
    raise _missing()


def _missing() -> NotFoundError:
    return NotFoundError("there is no such fact. It was forgotten, or its last source was")


def _name(visit: Visit) -> str:
    return f"Facts about {visit.query('user') or visit.session_id()}"


def _address(visit: Visit, **more: str) -> str:
    return visit.url("/facts", user=visit.query("user"), id=visit.query("id"), **more)


def _back(visit: Visit, what: str) -> Answer:
    return visit.go("/facts", user=visit.query("user"), id=visit.query("id"), done=what)
