"""The commands `facts` and `learn`: what is known about a user, and learning from existing conversations.

Typer reads the annotations of commands at run time, so they are not postponed.
"""

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from langchain_motorhead.cli.common import (
    ApiKey,
    Json,
    Namespace,
    Url,
    User,
    is_server,
    no_session,
    open_motorhead,
    print_json,
    shown,
    stderr,
    stdout,
)
from langchain_motorhead.exceptions import InvalidInputError, LearningError, UnsupportedError
from langchain_motorhead.messages.wording import counted

if TYPE_CHECKING:
    from langchain_motorhead.facts.model import Fact

UserId = Annotated[str, typer.Argument(help="Id of the user.", metavar="USER")]


def facts(
    user: UserId,
    *,
    url: Url = None,
    api_key: ApiKey = None,
    namespace: Namespace = "default",
    query: Annotated[
        str | None, typer.Option(help="Show the facts that share words with TEXT.", metavar="TEXT")
    ] = None,
    k: Annotated[int | None, typer.Option("-k", min=1, help="How many facts to show at most.", metavar="N")] = None,
    as_of: Annotated[
        datetime | None, typer.Option(help="Show the facts that held at this local time.", metavar="TIME")
    ] = None,
    superseded: Annotated[bool, typer.Option("--superseded", help="Also show facts that newer ones replaced.")] = False,
    remember: Annotated[str | None, typer.Option(help="Add a fact about the user.", metavar="TEXT")] = None,
    forget: Annotated[str | None, typer.Option(help="Remove the fact with this id.", metavar="FACT")] = None,
    as_json: Json = False,
) -> None:
    """Show the facts about a user, or add or remove a fact."""
    with open_motorhead(url, namespace, api_key=api_key) as motorhead:
        known = motorhead.user(user)
        if forget is not None and not known.forget(forget):
            raise InvalidInputError(f"there is no fact {forget!r:.80} about the user. Without --forget, all are listed")
        found = [known.remember(remember)] if remember is not None else []
        if remember is None and forget is None:
            then = None if as_of is None else as_of.astimezone()
            found = known.facts(query, k, as_of=then, superseded=superseded)
    if as_json:
        from langchain_motorhead.facts.records import to_data

        print_json([to_data(fact) for fact in found])
        return
    if not found and forget is None:
        stderr().print(
            f"no facts about user {shown(repr(user))} were found. motorhead learn finds some in conversations"
        )
    console = stdout()
    for fact in found:
        console.print(_line(fact))


def learn(
    *,
    url: Url = None,
    api_key: ApiKey = None,
    namespace: Namespace = "default",
    llm: Annotated[
        str | None,
        typer.Option(
            help="Model that finds facts: PROVIDER:NAME. Without one, sentences in the first person become facts.",
            metavar="NAME",
        ),
    ] = None,
    user: User = None,
    session: Annotated[str | None, typer.Option(help="Only this session.", metavar="ID")] = None,
) -> None:
    """Learn facts from conversations that were stored before.

    What was learned already is not learned again.
    """
    if is_server(url) and llm is not None:
        raise UnsupportedError("a server has its own learner. Leave out --llm, or give the Redis URL of the server")
    from tqdm import tqdm

    from langchain_motorhead.facts.config import Facts
    from langchain_motorhead.facts.learning.report import LearningState

    with open_motorhead(url, namespace, api_key=api_key, facts=Facts(llm=llm)) as motorhead:
        ids = [session] if session is not None else motorhead.sessions(user, newest_first=False)
        messages = facts = tokens = failures = 0
        bar = tqdm(ids, unit="session", file=sys.stderr, disable=not sys.stderr.isatty())
        for session_id in bar:
            try:
                report = motorhead.session(session_id, user).learn()
                if session is not None and report.state is LearningState.ENDED:
                    raise no_session(session, namespace)
            except LearningError as error:
                failures += 1
                stderr().print(f"session {shown(session_id)}: {shown(str(error))}")
                continue
            messages, facts, tokens = messages + report.messages, facts + report.facts, tokens + report.tokens
            bar.set_postfix(messages=messages, facts=facts, tokens=tokens)
    learned = f"{counted(messages, 'message')} learned: {counted(facts, 'new fact')}"
    typer.echo(f"{learned}, for {counted(tokens, 'token')}")
    if failures:
        raise LearningError(f"{counted(failures, 'session')} could not be learned. Run the command again to go on")


def _line(fact: "Fact") -> Text:
    state = ", pinned" if fact.pinned else ""
    if not fact.is_open:
        state = f", superseded by {fact.superseded_by}" if fact.superseded_by else ", retracted"
    when = fact.said_at.astimezone().isoformat(" ", "minutes")
    text = Text.assemble(
        (f"{shown(fact.id)} ", "dim"), shown(fact.text), (f" ({shown(fact.attribute)}{state})", "cyan")
    )
    text.append(f"\n  said {when}", "dim")
    for source in fact.sources:
        text.append(f"\n  {shown(source.session_id)} {source.seq}: {shown(source.quote)}", "dim")
    return text
