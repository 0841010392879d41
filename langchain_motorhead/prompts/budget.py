"""The budget of a prompt: how its tokens are shared, and what is shortened first if there are too few. Pure.

The system message, the summary and the question are always shown whole. Of what they leave, the window and what was
recalled for its messages get half at most, lines recalled for the question an eighth, and facts about the user an
eighth. The run gets the rest. Each share is settled when the run begins, so that a growing run does not change the
beginning of the prompt.

Shortened first is what fills a gap, then lines recalled for earlier questions, then results of tools in earlier runs,
then the oldest messages of the window, then facts and lines recalled for the question, and last the results of the run.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from langchain_core.messages import BaseMessage, ToolMessage

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.prompts.conversation import is_person
from langchain_motorhead.prompts.counting import PromptCounter
from langchain_motorhead.prompts.records import recalled_message, record_message
from langchain_motorhead.prompts.results import ResultRef, result_refs, stub
from langchain_motorhead.sessions.load import quoted_profile

WINDOW_SHARE, RECALLED_SHARE, FACTS_SHARE = 0.5, 0.125, 0.125
# When the oldest messages of the window have to go, so many go that this share of its room is used.
_KEPT_SHARE = 0.5
_LEAST_TOKENS = 100


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a prompt, in tokens.

    Args:
        prompt: Most tokens of the whole prompt: a number, or a fraction of what the model takes. None for no limit.
        run: Most tokens of a run's own messages. None for no limit.

    Raises:
        InvalidInputError: A limit cannot be used.
    """

    prompt: int | float | None = None
    run: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.prompt, float):
            if not 0 < self.prompt <= 1:
                raise InvalidInputError(
                    f"max_prompt_tokens is a whole number, or a fraction up to 1.0, not {self.prompt!r}"
                )
        else:
            _check("max_prompt_tokens", self.prompt)
        _check("max_run_tokens", self.run)

    @property
    def any(self) -> bool:
        """Whether there is a limit."""
        return self.prompt is not None or self.run is not None

    def tokens(self, context: int | None) -> int | None:
        """Return the most tokens of a prompt.

        Args:
            context: How many tokens the model takes, if that is known.

        Raises:
            InvalidInputError: The limit is a fraction, and the model does not say what it takes.
        """
        if not isinstance(self.prompt, float):
            return self.prompt
        if not context:
            raise InvalidInputError(
                f"max_prompt_tokens={self.prompt} is a fraction of what the model takes, and its profile does not say "
                "that. Give a number of tokens, or make the model with profile={'max_input_tokens': ...}"
            )
        return int(self.prompt * context)


@dataclass(slots=True)
class FittedWindow:
    """A window that fits in its room.

    Attributes:
        messages: The messages, oldest first.
        recalled: Lines for the messages of persons that are kept, by their ids.
        dropped: How many of the oldest messages were left out.
        tokens: Tokens of messages and lines. 0 if there is no limit, so that nothing was counted.
    """

    messages: list[BaseMessage]
    recalled: dict[str | None, Sequence[str]] = field(default_factory=dict)
    dropped: int = 0
    tokens: int = 0


def fit_window(
    messages: Sequence[BaseMessage],
    recalled: Mapping[str | None, Sequence[str]],
    room: int | None,
    count: PromptCounter,
) -> FittedWindow:
    """Return a window with as much of it as fits.

    The oldest messages go many at once, so that the window then begins with the same message for some turns.

    Args:
        messages: The messages of the window, oldest first.
        recalled: Lines that were recalled for earlier questions, by the ids of those.
        room: Most tokens, or None for no limit.
        count: Counts tokens.
    """
    ids = {message.id for message in messages}
    lines = {id_: each for id_, each in recalled.items() if id_ in ids}
    if room is None:
        return FittedWindow(list(messages), lines)
    tokens = count(messages)
    with_lines = tokens + sum(lines_tokens(each, count) for each in lines.values())
    if with_lines <= room:
        return FittedWindow(list(messages), lines, 0, with_lines)
    if tokens <= room:
        return FittedWindow(list(messages), {}, 0, tokens)
    refs = result_refs(messages)
    short = [_shorter(message, refs.get(at), count) for at, message in enumerate(messages)]
    kept = short[_first_kept(short, room, count) :]
    return FittedWindow(kept, {}, len(short) - len(kept), count(kept))


def _first_kept(messages: Sequence[BaseMessage], room: int, count: PromptCounter) -> int:
    """Return where the messages begin that fit. Going from the oldest on, it is the same while the window grows."""
    starts = [at for at, message in enumerate(messages) if at == 0 or is_person(message)]
    turns = [messages[start:stop] for start, stop in zip(starts, [*starts[1:], len(messages)], strict=True)]
    sizes = [count(turn) for turn in turns]
    first = used = 0
    for at, size in enumerate(sizes):
        used += size
        if used > room:
            while first < at and used > room * _KEPT_SHARE:
                used -= sizes[first]
                first += 1
        if used > room:
            first, used = at + 1, 0
    return starts[first] if first < len(starts) else len(messages)


def _shorter(message: BaseMessage, ref: ResultRef | None, count: PromptCounter) -> BaseMessage:
    if ref is None or not isinstance(message, ToolMessage):
        return message
    return min(message, stub(message, ref, count.one(message)), key=count.one)


def fit_lines(lines: Sequence[str], room: int | None, count: PromptCounter) -> list[str]:
    """Return the first lines that fit: those that were found best."""
    kept = list(lines)
    while room is not None and kept and lines_tokens(kept, count) > room:
        kept.pop()
    return kept


def fit_profile(profile: str, room: int | None, count: PromptCounter) -> str:
    """Return the first lines of a profile that fit: facts that a person stated, then the newest."""
    if room is None or not profile or profile_tokens(profile, count) <= room:
        return profile
    lines = profile.split("\n")
    kept = bisect_right(range(1, len(lines)), room, key=lambda length: profile_tokens("\n".join(lines[:length]), count))
    return "\n".join(lines[:kept])


def profile_tokens(profile: str, count: PromptCounter) -> int:
    """Return how many tokens a profile has as it is quoted."""
    record = record_message(None, [quoted_profile(profile)] if profile else [], None)
    return 0 if record is None else count.one(record)


def lines_tokens(lines: Sequence[str], count: PromptCounter) -> int:
    """Return how many tokens a message with recalled lines has."""
    return count.one(recalled_message("\n".join(lines), None, None)) if lines else 0


def _check(name: str, value: object) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < _LEAST_TOKENS):
        raise InvalidInputError(f"{name} is a number of tokens, from {_LEAST_TOKENS}, not {value!r}")
