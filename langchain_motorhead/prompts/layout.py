"""The layout of a prompt: the summary, the window, and the run, with recalled lines before the questions. Pure.

A prompt grows at its end, so that providers find its beginning in their caches: the summary by what was appended to it,
the window and the run by new messages. Lines that were recalled for a question stay before that question.

Every provider's model accepts the result: the only system message is first, then comes a person's message, and the rest
follows the rules in `messages/provider_rules.py`. Nothing remembered is in the system message.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import BaseMessage, SystemMessage

from langchain_motorhead.messages.ids import derived_id
from langchain_motorhead.messages.provider_rules import acceptable, without_response_id
from langchain_motorhead.messages.tokens import count_tokens
from langchain_motorhead.prompts import gap
from langchain_motorhead.prompts.budget import (
    FACTS_SHARE,
    RECALLED_SHARE,
    WINDOW_SHARE,
    FittedWindow,
    fit_lines,
    fit_profile,
    fit_window,
    lines_tokens,
    profile_tokens,
)
from langchain_motorhead.prompts.conversation import (
    as_stored,
    instructions,
    is_person,
    newest_question,
    run_messages,
    with_unknown,
    without_forgotten,
    without_summaries,
    without_system,
)
from langchain_motorhead.prompts.counting import PromptCounter
from langchain_motorhead.prompts.long_runs import ShownRun
from langchain_motorhead.prompts.records import SummaryRole, continued, recalled_message, record_message
from langchain_motorhead.sessions.load import Memory, quoted_profile

# Share of a run's limit that is used, as counts are estimates, and other middleware may add a reminder.
_USED_SHARE = 0.95


@dataclass(slots=True)
class Prompt:
    """A prompt, but for the agent's own system message.

    Attributes:
        instructions: Text to add to the system message: system messages that hold for this turn.
        record: The message with the summary and with a note of what is left out, or None.
        messages: All messages, the record first.
        tokens: Tokens of the parts `"summary"`, `"facts"`, `"gap"`, `"window"`, `"recalled"` and `"run"`. Empty if
            there is no limit, so that nothing was counted.
    """

    instructions: str
    record: BaseMessage | None
    messages: list[BaseMessage]
    tokens: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class PromptBuilder:
    """Builds the prompts of one run.

    Args:
        memory: The session, which has at least the first message of the run.
        recalled: Lines that recall found for questions, by the ids of those.
        read: Messages of the session's gap that the agent's state does not have.
        limit: Most tokens of a prompt, or None.
        run_limit: Most tokens of the run's own messages, or None.
        count: Counts tokens.
        measured: Whether the tokens of the parts are counted although there is no limit.
    """

    memory: Memory
    recalled: Mapping[str | None, Sequence[str]] = field(default_factory=dict)
    read: Sequence[BaseMessage] = ()
    limit: int | None = None
    run_limit: int | None = None
    count: PromptCounter = field(default_factory=lambda: PromptCounter(count_tokens))
    measured: bool = False
    _run: ShownRun | None = None

    @property
    def counts(self) -> bool:
        """Whether `build` counts tokens. That takes a while, so it belongs in a thread.

        The first count of a process loads an encoding, and the results of tools can be long.
        """
        return self._measures or self.memory.gap is not None

    @property
    def _measures(self) -> bool:
        """Whether the tokens of each part are counted."""
        return self.measured or self.limit is not None or self.run_limit is not None

    def build(
        self,
        given: Sequence[BaseMessage],
        state: Sequence[BaseMessage] | None = None,
        system: SystemMessage | None = None,
    ) -> Prompt:
        """Build the prompt for one call of the model.

        Args:
            given: The messages for the model, oldest first, each with an id: the whole conversation, or only the
                messages of the run.
            state: The messages of the run's state, if they differ from `given`. A message of `given` that is neither in
                the state nor in the session, such as one added by another middleware, stays at its place.
            system: The agent's own system message. An instruction that it has already is not repeated.
        """
        memory = self.memory
        if memory.forgotten:
            given = without_forgotten(given, memory.forgotten)
            state = None if state is None else without_forgotten(state, memory.forgotten)
        own_system = "" if system is None else str(system.text)
        texts = _texts(instructions(given, memory.messages), own_system)
        state, given, renamed = as_stored(
            without_system(given if state is None else state), without_system(given), memory.messages
        )
        recalled = {renamed.get(id_, id_): lines for id_, lines in self.recalled.items()}
        # Another middleware may have masked or shortened a message, so that of `given` is preferred.
        current = {message.id: message for message in given}
        own_ids = {message.id for message in run_messages(state, {message.id for message in memory.messages})}
        own = _with_question([message for message in given if message.id in own_ids], given, state)
        window = [
            without_response_id(current.get(message.id, message))
            for message in without_system(memory.messages)
            if message.id not in own_ids
        ]
        room = self._room(system, texts)
        question = newest_question(own)
        asked = [] if question is None else recalled.get(question.id, ())
        asked = fit_lines(asked, None if room is None else int(room * RECALLED_SHARE), self.count)
        share = None if room is None else int(room * WINDOW_SHARE)
        earlier = {id_: lines for id_, lines in recalled.items() if question is None or id_ != question.id}
        fitted = fit_window(window, earlier, share, self.count)
        held = [current.get(message.id, message) for message in without_summaries(state)]
        fill = self._fill(held, own_ids, fitted, share)
        profile = fit_profile(memory.profile, None if room is None else int(room * FACTS_SHARE), self.count)
        notes = _left_out(fill.note, fitted.dropped)
        if self._measures:
            parts = self._parts(fill, fitted, notes, asked) | {"facts": profile_tokens(profile, self.count)}
            own = self._shortened(own, None if room is None else room - sum(parts.values()))
            parts |= {"summary": self._tokens(memory.summary, []), "run": self.count(own)}
        else:
            parts = {}
        known = {message.id for message in (*state, *memory.messages)}
        shown = acceptable(with_unknown([*fill.messages, *fitted.messages, *own], given, known))
        record = record_message(memory.summary, [*_profile(profile), *notes], memory.epoch)
        lines = {**fitted.recalled, **({} if question is None else {question.id: asked})}
        return Prompt("\n\n".join(texts), record, self._with_recalled(shown, lines, record), parts)

    def _room(self, system: SystemMessage | None, texts: Sequence[str]) -> int | None:
        """Return how many tokens the system message and the summary leave."""
        if self.limit is None:
            return None
        fixed = [*([] if system is None else [system]), *([SystemMessage("\n\n".join(texts))] if texts else [])]
        return max(0, self.limit - self.count(fixed) - self._tokens(self.memory.summary, []))

    def _fill(
        self, state: Sequence[BaseMessage], own_ids: set[str | None], fitted: FittedWindow, share: int | None
    ) -> gap.GapFill:
        if fitted.dropped:
            # There is no room even for what comes after it.
            return gap.GapFill(note="" if self.memory.gap is None else f"{self.memory.gap}.")
        left = gap.GAP_TOKENS if share is None else min(gap.GAP_TOKENS, max(0, share - fitted.tokens))
        return gap.filled(self.memory, state, self.read, own_ids, left, self.count)

    def _parts(
        self, fill: gap.GapFill, fitted: FittedWindow, left_out: Sequence[str], asked: Sequence[str]
    ) -> dict[str, int]:
        """Return how many tokens the parts between the summary and the run have."""
        window = self.count(fitted.messages)
        recalled = sum(lines_tokens(each, self.count) for each in (*fitted.recalled.values(), asked))
        return {
            "gap": self.count(fill.messages) + self._tokens(None, left_out),
            "window": window,
            "recalled": recalled,
        }

    def _tokens(self, summary: str | None, left_out: Sequence[str]) -> int:
        record = record_message(summary, left_out, self.memory.epoch)
        return 0 if record is None else self.count.one(record)

    def _shortened(self, own: list[BaseMessage], room: int | None) -> list[BaseMessage]:
        """Return the run's own messages as they fit into what the rest of the prompt leaves."""
        run_limit = None if self.run_limit is None else int(self.run_limit * _USED_SHARE)
        limits = [max(0, each) for each in (room, run_limit) if each is not None]
        if not limits:
            return own
        limit = min(limits)
        if self._run is None or self._run.limit != limit:
            self._run = ShownRun(limit, self.count)
        return self._run.show(own)

    def _with_recalled(
        self, messages: Sequence[BaseMessage], lines: Mapping[str | None, Sequence[str]], record: BaseMessage | None
    ) -> list[BaseMessage]:
        epoch, shown = self.memory.epoch, list[BaseMessage]()
        if record is not None:
            shown.append(record)
        elif messages and not is_person(messages[0]):
            shown.append(continued(epoch))
        for message in messages:
            if is_person(message) and (found := lines.get(message.id)):
                shown.append(recalled_message("\n".join(found), message.id, epoch))
            shown.append(message)
        return shown


def add_to_system(system: SystemMessage | None, text: str, epoch: str | None) -> SystemMessage | None:
    """Return the system message with instructions at its end, so that a provider's cache of its beginning stays valid.

    Args:
        system: The system message so far, if any. It is not changed.
        text: What to add. If it is empty, `system` is returned.
        epoch: Identity of the session, of which a new system message derives its id.
    """
    if not text:
        return system
    if system is None:
        return SystemMessage(text, id=derived_id(epoch, "instructions"))
    content: Any = system.content
    if isinstance(content, str):
        content = f"{content}\n\n{text}" if content else text
    else:
        content = [*content, {"type": "text", "text": text}]
    return system.model_copy(update={"content": content})


def conversation(memory: Memory, role: SummaryRole = "human") -> list[BaseMessage]:
    """Return a session as the beginning of a prompt that continues with a person's message.

    System messages that were stored on purpose come first, then the summary, then messages of which the first is a
    person's, or follows the summary.

    Args:
        memory: The session.
        role: Whose message the summary is.
    """
    left_out = [*_profile(memory.profile), *([] if memory.gap is None else [f"{memory.gap}."])]
    record = record_message(memory.summary, left_out, memory.epoch, role)
    messages = acceptable([*without_system(memory.messages), continued(memory.epoch)])[:-1]
    if messages and not is_person(messages[0]) and (record is None or role == "system"):
        messages.insert(0, continued(memory.epoch))
    stored = [message for message in memory.messages if isinstance(message, SystemMessage)]
    if not stored:
        return [*([] if record is None else [record]), *messages]
    first = (
        stored[0]
        if len(texts := _texts(stored, "")) == 1
        else stored[0].model_copy(update={"content": "\n\n".join(texts)})
    )
    if record is not None and role == "system":
        joined = add_to_system(first, str(record.text), memory.epoch)
        return [*([] if joined is None else [joined.model_copy(update={"id": record.id})]), *messages]
    return [first, *([] if record is None else [record]), *messages]


def _with_question(
    own: list[BaseMessage], given: Sequence[BaseMessage], state: Sequence[BaseMessage]
) -> list[BaseMessage]:
    """Return a run with its question, also if another middleware summarized the question away within the run."""
    asked = newest_question(state)
    if asked is None or len(without_summaries(given)) == len(given) or any(each.id == asked.id for each in given):
        return own
    return [asked, *own]


def _texts(messages: Sequence[BaseMessage], known: str) -> list[str]:
    """Return the texts of instructions, each once, without those that the system message has already."""
    return list(dict.fromkeys(text for each in messages if (text := str(each.text).strip()) and text != known))


def _profile(profile: str) -> list[str]:
    """Return the profile of the user as it is quoted after the summary, if there is one."""
    return [quoted_profile(profile)] if profile else []


def _left_out(note: str, dropped: int) -> list[str]:
    notes = [note] if note else []
    if dropped:
        what = "message is" if dropped == 1 else "messages are"
        notes.append(f"{dropped} older {what} not shown here, for lack of room.")
    return notes
