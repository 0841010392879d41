"""The actions on one message: edit it, forget it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from langchain_core.messages import BaseMessage

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.messages.codec import encode
from langchain_motorhead.messages.text import message_text
from langchain_motorhead.server.page import views
from langchain_motorhead.server.page.actions.action import Action, Field, Fields, Subject
from langchain_motorhead.server.page.browsing import read_message
from langchain_motorhead.server.page.forms import state_of
from langchain_motorhead.server.page.visit import Answer, Visit

_NOT_PLAIN = "this message is not plain text, so it cannot be edited here. Forget it, or edit it with Session.edit"


async def look(visit: Visit) -> Subject:
    """Read the message."""
    message, epoch = await read_message(visit)
    seq = visit.number("seq")
    return Subject(
        f"Message {seq} of {visit.session_id()}",
        visit.url("/session/message", id=visit.session_id(), seq=seq),
        state_of(epoch, encode(message)),
        message_text(message)[: views.SHOWN_CHARS],
    )


async def look_to_edit(visit: Visit) -> Subject:
    """Read the message, to be edited."""
    subject = await look(visit)
    message, _ = await read_message(visit)
    field = Field("text", "Message", _plain(message), "area", needed=True)
    return replace(subject, quote="", fields=(field,))


async def _edit(visit: Visit, fields: Fields) -> Answer:
    message, _ = await read_message(visit)
    _plain(message)
    edited = message.model_copy(update={"content": fields.get("text", "")})
    await visit.motorhead.session(visit.session_id()).aedit(visit.number("seq"), edited)
    return visit.go("/session/message", id=visit.session_id(), seq=visit.number("seq"), done="edited")


async def _forget(visit: Visit, _: Fields) -> Answer:
    receipt = await visit.motorhead.session(visit.session_id()).aforget([visit.number("seq")])
    start = max(0, visit.number("seq") - 10)
    count = len(receipt.messages)
    return visit.go("/session/transcript", id=visit.session_id(), start=start, done="forgotten", n=count)


ACTIONS: Mapping[str, Action] = {
    "edit": Action(
        "Edit this message",
        "What it said is forgotten: it is removed from the search index, and summaries and facts that were made with "
        "it are made again from your text.",
        "Save", "edit message", look_to_edit, _edit,
        changed="the message was changed or forgotten since you opened this form. Nothing was changed",
    ),
    "forget": Action(
        "Forget this message?",
        "Its text is removed for good: from the transcript, the search index, and every summary and fact that was made "
        "with it. What else they said is summarized again. Results of its tool calls are forgotten with it.",
        "Forget for good", "forget message", look, _forget, grave=True,
        changed="the message was changed or forgotten since you opened this form. Nothing was changed",
    ),
}  # fmt: skip
"""The actions, by their name in the address."""


def _plain(message: BaseMessage) -> str:
    if not isinstance(message.content, str):
        raise InvalidInputError(_NOT_PLAIN)
    return message.content
