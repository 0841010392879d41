"""All actions of the page, by the name that an address has for each."""

from __future__ import annotations

from collections.abc import Mapping

from langchain_motorhead.server.http.errors import NotFoundError
from langchain_motorhead.server.page import knowledge
from langchain_motorhead.server.page.actions import action as actions
from langchain_motorhead.server.page.actions import message, session, user
from langchain_motorhead.server.page.actions.action import Action
from langchain_motorhead.server.page.visit import Answer, Visit

_ACTIONS: Mapping[str, Action] = {**session.ACTIONS, **message.ACTIONS, **knowledge.ACTIONS, **user.ACTIONS}


async def confirm(visit: Visit) -> Answer:
    """Ask whether to do what the address names."""
    return await actions.confirm(visit, _action(visit))


async def do(visit: Visit) -> Answer:
    """Do what the address names, and what was confirmed."""
    return await actions.do(visit, _action(visit))


def _action(visit: Visit) -> Action:
    action = _ACTIONS.get(visit.query("do"))
    if action is None:
        raise NotFoundError("there is no such action")
    return action
