"""The actions on a user: delete all sessions and facts."""

from __future__ import annotations

from collections.abc import Mapping

from langchain_motorhead.server.http.errors import NotFoundError
from langchain_motorhead.server.page.actions.action import Action, Fields, Subject
from langchain_motorhead.server.page.forms import state_of
from langchain_motorhead.server.page.visit import Answer, Visit


async def look(visit: Visit) -> Subject:
    """Read how many sessions the user has, of which the newest ones are compared."""
    user = _user(visit)
    newest = await visit.motorhead.asessions(user, page=1, size=1)
    return Subject(user, visit.url("/facts", user=user), state_of(newest))


async def _delete(visit: Visit, _: Fields) -> Answer:
    count = await visit.motorhead.adelete_user(_user(visit))
    return visit.go("/users", done="user-deleted", n=count)


ACTIONS: Mapping[str, Action] = {
    "delete-user": Action(
        "Delete this user?",
        "All sessions of the user are deleted for good, with their messages, summaries and entries in the search "
        "index, and so are all facts about the user.",
        "Delete for good", "delete user", look, _delete, grave=True,
        changed="the user has another newest session since you opened this form. Nothing was deleted",
    ),
}  # fmt: skip
"""The actions, by their name in the address."""


def _user(visit: Visit) -> str:
    if not (user := visit.query("user")):
        raise NotFoundError("the address names no user")
    return user
