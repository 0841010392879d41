"""What can be done from the page: each action is confirmed first, and bound to what its user saw."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias
from urllib.parse import parse_qsl

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.server.page.forms import StaleFormError, state_of
from langchain_motorhead.server.page.visit import Answer, Visit

Fields: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a form.

    Attributes:
        name: Its name.
        label: What it asks for.
        value: What it holds at first.
        kind: `line`, `area` or `box`.
        hint: What helps to fill it in.
        needed: Whether it must be filled in.
    """

    name: str
    label: str
    value: str = ""
    kind: str = "line"
    hint: str = ""
    needed: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """What an action is about, as it is stored now.

    Attributes:
        name: What it is called on the page.
        back: Address of the page that shows it.
        seen: Digest of its state. If it changes until the form is sent, the form is refused.
        quote: Text of it that the confirmation shows.
        fields: What is to be filled in.
    """

    name: str
    back: str
    seen: str
    quote: str = ""
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class Action:
    """Something that can be done.

    Attributes:
        title: What the confirmation asks.
        explanation: What will happen.
        button: Label of the button that does it.
        audited: Name of it in the audit log.
        look: Reads what it is about.
        run: Does it, with the fields of the form. Returns the answer.
        grave: Whether it cannot be undone.
        changed: Message for the user if the object of the action has changed.
    """

    title: str
    explanation: str
    button: str
    audited: str
    look: Callable[[Visit], Awaitable[Subject]]
    run: Callable[[Visit, Fields], Awaitable[Answer]]
    grave: bool = False
    changed: str = "it has changed since you opened this form. Nothing was changed. Open the form again"
    ids: tuple[str, ...] = field(default=("id", "user", "seq", "fact"))


async def confirm(visit: Visit, action: Action) -> Answer:
    """Ask whether to do something."""
    return _form(visit, action, await action.look(visit))


async def do(visit: Visit, action: Action) -> Answer:
    """Do something that was confirmed.

    Raises:
        ForbiddenError: The form is not of this browser, or not for this.
        StaleFormError: The form was sent before, or what it is about has changed.
    """
    names = {"id": "session_id", "user": "user_id", "seq": "seq", "fact": "fact_id"}
    visit.note(action.audited, **{names[each]: visit.query(each) for each in action.ids if visit.query(each)})
    fields = await visit.form(_purpose(visit))
    try:
        subject = await action.look(visit)
        if subject.seen != fields.get("seen"):
            raise StaleFormError(action.changed)
        try:
            return await action.run(visit, fields)
        except InvalidInputError as error:
            if not subject.fields:
                raise
            return _again(visit, action, subject, fields, str(error))
    except Exception:
        visit.state.forms.release(fields["token"])
        raise


def _again(visit: Visit, action: Action, subject: Subject, fields: Fields, problem: str) -> Answer:
    """Return the form again, with what was written, and why it was not accepted."""
    written = tuple(replace(each, value=fields.get(each.name, "")) for each in subject.fields)
    name, values = _form(visit, action, replace(subject, fields=written))
    return visit.show(name, {**values, "problem": problem.replace("Give override=True", "Tick the box")}, 400)


def _form(visit: Visit, action: Action, subject: Subject) -> tuple[str, Mapping[str, object]]:
    values = {
        "action": action,
        "subject": subject,
        "target": visit.url("/do", **{name: visit.query(name) for name in ("do", *action.ids)}),
        "token": visit.token(_purpose(visit)),
        "problem": "",
    }
    return "confirm", values


def _purpose(visit: Visit) -> str:
    """Return what a form is for: the action and the ids of its address, and whose they are."""
    query = visit.request.scope.get("query_string", b"").decode("latin-1")
    return state_of(visit.motorhead.namespace, sorted(parse_qsl(query, errors="surrogatepass")))
