"""The memory page: what its views show, from how many round trips, and what its actions do."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from langchain_motorhead import Facts, HashingEmbeddings, Motorhead, Window
from langchain_motorhead.redis_io.embedded import acquire
from langchain_motorhead.server import Settings, create_app
from support.factory import MakeMotorhead
from support.http_servers import served
from support.learners import ScriptedLearner
from support.messages import numbered
from support.pages import encoded, form
from support.summarizers import Ledger
from support.wiretap import wiretapped

HOSTILE = "<script>alert(1)</script>\"'&/../%2e\n"
WINDOW = Window(max_messages=4)


@pytest.fixture
def motorhead(make: MakeMotorhead) -> Motorhead:
    """What is served, with a session of 20 messages, of which 18 were summarized, and one with hostile names."""
    motorhead = make(
        llm=Ledger(), window=WINDOW, embeddings=HashingEmbeddings(16), compaction="manual",
        facts=Facts(learner=ScriptedLearner()),
    )  # fmt: skip
    session = motorhead.session("trip", "bob")
    call = {"name": "look_up", "args": {"town": "<b>Oslo</b>"}, "id": "call-1"}
    session.append([*numbered(16), HumanMessage("town: Bergen"), HumanMessage("town: Trondheim")])
    session.append([AIMessage("", tool_calls=[call]), ToolMessage("12 degrees", tool_call_id="call-1")])
    session.compact()
    session.learn()
    motorhead.session(HOSTILE, HOSTILE).append(HumanMessage(f"</textarea>{HOSTILE}"))
    return motorhead


@pytest.fixture
def http(motorhead: Motorhead) -> Iterator[httpx.Client]:
    """A client of a server without API keys."""
    with (
        served(create_app(Settings(), motorhead=motorhead)) as base,
        httpx.Client(base_url=base, timeout=30, follow_redirects=True) as client,
    ):
        yield client


def test_the_views_show_what_is_stored(http: httpx.Client, motorhead: Motorhead) -> None:
    """Each view shows what there is: counts, versions, messages, calls, scores, and facts with their history."""
    sessions = http.get("/ui").text
    assert "trip" in sessions
    assert "20 messages" in sessions
    assert "trip" in http.get("/ui?q=ri").text
    assert "No session matches" in http.get("/ui?q=trap").text
    assert "No session matches" in http.get("/ui?user=nobody").text
    assert 'href="/ui?user=bob"' in http.get("/ui/users").text
    overview = http.get("/ui/session?id=trip").text
    assert "<strong>18</strong> Archived" in overview
    assert "<strong>2</strong> Window" in overview
    assert "Version 1" in http.get("/ui/session/summary?id=trip").text
    transcript = http.get("/ui/session/transcript?id=trip&start=10").text
    assert transcript.count('<article class="message') == 10
    assert 'id="m17"' in transcript
    assert "<code>look_up</code>" in transcript
    assert "&lt;b&gt;Oslo" in transcript
    assert "12 degrees" in transcript
    found = http.get("/ui/search?q=Trondheim&id=trip").text
    assert "<mark>Trondheim</mark>" in found
    assert "has the word trondheim" in found
    assert "#m17" in found
    assert "tokens" in http.get("/ui/session/prompt?id=trip").text
    facts = http.get("/ui/facts?id=trip").text  # leads to those of the user
    assert "town: Trondheim</h3>" in facts
    assert "<del>town: Bergen</del>" in facts
    assert "start=7#m17" in facts
    motorhead.session("trip").forget([3])
    assert "#3 is forgotten" in http.get("/ui/session/transcript?id=trip").text
    assert "Forgotten" in http.get("/ui/session?id=trip").text


def test_hostile_text_is_text(http: httpx.Client) -> None:
    """Ids and messages with HTML are shown as text everywhere, and links to them work."""
    id_ = encoded(HOSTILE)
    addresses = [f"/ui/session{part}?id={id_}" for part in ("", "/transcript", "/summary", "/prompt", "/message")]
    addresses += ["/ui", "/ui/users", f"/ui?user={id_}&q={id_}", f"/ui/search?user={id_}&q={id_}"]
    addresses += [f"/ui/facts?user={id_}", f"/ui/confirm?id={id_}&do=delete", f"/ui/confirm?id={id_}&seq=0&do=edit"]
    for address in addresses:
        answer = http.get(address)
        assert answer.status_code == 200, address
        assert "<script>alert" not in answer.text
        assert "</textarea><script>" not in answer.text
        assert "://" not in answer.text
    assert f'href="/ui/session?id={id_}"' in http.get("/ui").text


def test_an_address_that_cannot_be_read_is_refused(http: httpx.Client) -> None:
    """An id that is no UTF-8, and a query of very many fields, are an error of the visitor and not of the server."""
    for query in ("id=%FF", "&".join(f"a{number}=1" for number in range(30))):
        answer = http.get(f"/ui/session?{query}")
        assert answer.status_code == 400
        assert "The query of the address cannot be read" in answer.text
    assert http.get("/ui/events?seen=%FF").status_code == 400


def test_every_action_does_what_it_says(http: httpx.Client, motorhead: Motorhead) -> None:
    """Each action asks first, and then does what its method of a session or a user does."""
    session, bob = motorhead.session("trip"), motorhead.user("bob")
    assert "Messages removed: 1" in form(http, "/ui/confirm?id=trip&seq=2&do=forget").send(http).text
    assert "edited" in form(http, "/ui/confirm?id=trip&seq=19&do=edit").send(http, text="13 degrees").text
    assert session.transcript(19)[0].message.content == "13 degrees"
    session.append(numbered(6, start=40))
    assert "Messages summarized" in form(http, "/ui/confirm?id=trip&do=compact").send(http).text
    edit = form(http, "/ui/confirm?id=trip&do=summary")
    assert "cannot be used as the summary" in (again := edit.send(http, text="<think>hm")).text
    assert again.status_code == 400
    assert "&lt;think&gt;hm" in again.text
    edit = form(http, "/ui/confirm?id=trip&do=summary")
    assert "was replaced" in edit.send(http, text="Bob moved.\r\nTwice.", override="on").text
    assert session.load().summary == "Bob moved.\nTwice."
    assert "made again" in form(http, "/ui/confirm?id=trip&do=rebuild").send(http).text
    motorhead.flush()
    form(http, "/ui/confirm?user=bob&do=remember").send(http, text="Likes tea")
    (old, *_) = [fact for fact in bob.facts() if fact.text == "town: Trondheim"]
    form(http, f"/ui/confirm?user=bob&fact={old.id}&do=correct").send(http, text="Lives in Tromsø")
    (tea,) = [fact for fact in bob.facts() if fact.text == "Likes tea"]
    assert {"Likes tea", "Lives in Tromsø"} <= {fact.text for fact in bob.facts() if fact.pinned}
    form(http, f"/ui/confirm?user=bob&fact={tea.id}&do=forget-fact").send(http)
    other = next(fact for fact in bob.facts() if not fact.pinned)
    form(http, f"/ui/confirm?user=bob&fact={other.id}&do=pin").send(http)
    assert next(fact for fact in bob.facts() if fact.text == other.text).pinned
    assert "Likes tea" not in {fact.text for fact in bob.facts()}
    exported = form(http, "/ui/confirm?id=trip&do=export").send(http)
    assert exported.headers["content-disposition"].startswith("attachment")
    assert exported.content == http.get("/sessions/trip/export").content
    assert http.get("/sessions/none/export").status_code == 404
    assert "was deleted" in form(http, "/ui/confirm?id=trip&do=delete").send(http).text
    assert session.load().epoch is None
    assert "Sessions deleted: 0" in form(http, "/ui/confirm?user=bob&do=delete-user").send(http).text
    assert not bob.facts()


def test_a_form_is_executed_once_on_what_its_user_saw(http: httpx.Client, motorhead: Motorhead) -> None:
    """A form that is sent twice, or about something that changed or is gone, changes nothing and says why."""
    session = motorhead.session("trip")
    edit = form(http, "/ui/confirm?id=trip&do=summary")
    session.set_summary("of somebody else", override=True)
    refused = edit.send(http, text="mine", override="on")
    assert (refused.status_code, session.load().summary) == (409, "of somebody else")
    assert "changed by somebody else" in refused.text
    remember = form(http, "/ui/confirm?user=bob&do=remember")
    assert remember.send(http, text="Likes tea").status_code == 200
    assert remember.send(http, text="Likes coffee").status_code == 409
    assert "Likes coffee" not in {fact.text for fact in motorhead.user("bob").facts()}
    forget = form(http, "/ui/confirm?id=trip&seq=1&do=forget")
    session.edit(1, session.transcript(1)[0].message.model_copy(update={"content": "edited meanwhile"}))
    assert forget.send(http).status_code == 409
    delete, compact = (form(http, f"/ui/confirm?id=trip&do={name}") for name in ("delete", "compact"))
    session.delete()
    assert delete.send(http).status_code == compact.send(http).status_code == 404
    session.append(HumanMessage("new"))
    assert delete.send(http).status_code == 409  # it could be sent again, but the session is another one
    assert session.load().total == 1
    assert http.get("/ui/session?id=gone").status_code == http.get("/ui/none").status_code == 404
    assert http.get("/ui/confirm?id=trip&do=none").status_code == 404


def test_each_view_takes_three_round_trips_at_most(namespace: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Each view of many sessions, and of a long one, takes at most three round trips, and its size is bounded."""
    server = acquire(f"embedded://{tmp_path_factory.mktemp('redis')}")
    try:
        with (
            wiretapped(str(server.socket)) as (url, wire),
            Motorhead.from_url(
                url, namespace=namespace, llm=Ledger(), window=WINDOW, compaction="manual",
                embeddings=HashingEmbeddings(16),
            ) as motorhead,
        ):  # fmt: skip
            for number in range(260):
                motorhead.session(f"s{number}", f"u{number}").append(HumanMessage("hi"))
            session = motorhead.session("long", "bob")
            session.append(numbered(400))
            session.compact()
            session.append(HumanMessage("x" * 1_000_000))
            motorhead.user("bob").remember("Likes tea")
            motorhead.flush()  # nothing is indexed in the background while round trips are counted
            with (
                served(create_app(Settings(), motorhead=motorhead)) as base,
                httpx.Client(base_url=base, timeout=30) as http,
            ):
                views = ["/ui", "/ui?at=50", "/ui?q=s1", "/ui?user=bob", "/ui/users", "/ui/facts?user=bob"]
                views += [f"/ui/session{part}?id=long" for part in ("", "/transcript", "/summary", "/prompt")]
                views += ["/ui/session/transcript?id=long&start=380", "/ui/session/message?id=long&seq=7"]
                views += ["/ui/search?q=5&id=long", "/ui/search?q=5", "/ui/confirm?id=long&do=summary"]
                taken = {}
                for view in views:
                    http.get(view)  # loads scripts, and looks at the search index once
                    wire.reset()
                    answer = http.get(view)
                    assert (answer.status_code, len(answer.content) < 450_000) == (200, True), view
                    taken[view] = wire.round_trips
                assert max(taken.values()) <= 3, taken
    finally:
        server.release()
