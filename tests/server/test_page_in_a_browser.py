"""The memory page in a browser: for everybody, at every size, by keyboard, without scripts, and while things change."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from playwright.sync_api import Browser, Locator, Page, Route, expect, sync_playwright

from langchain_motorhead import Facts, HashingEmbeddings, Motorhead, Window
from langchain_motorhead.server import Settings, create_app
from support.factory import MakeMotorhead
from support.http_servers import served
from support.learners import ScriptedLearner
from support.messages import numbered
from support.pages import encoded
from support.summarizers import Ledger

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")

KEY = "a key of the tests"
HOSTILE = "<script>document.title='owned'</script>\"'&/../%2e"
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
VIEWS = [
    "/ui", "/ui/users", "/ui/facts?user=bob", "/ui/search?q=Bergen", "/ui/session?id=trip", "/ui/none",
    "/ui/session/transcript?id=trip", "/ui/session/summary?id=trip", "/ui/session/prompt?id=trip",
    "/ui/session/message?id=trip&seq=8", "/ui/confirm?id=trip&do=summary", "/ui/confirm?user=bob&do=remember",
    "/ui/confirm?id=trip&seq=8&do=forget", f"/ui/session?id={encoded(HOSTILE)}",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def motorhead(make: MakeMotorhead) -> Motorhead:
    """What is served: a session whose user moved, and one with hostile names."""
    motorhead = make(
        llm=Ledger(), window=Window(max_messages=4), embeddings=HashingEmbeddings(16), compaction="manual",
        facts=Facts(learner=ScriptedLearner()),
    )  # fmt: skip
    motorhead.session(HOSTILE, HOSTILE).append(HumanMessage(f"<img src=x onerror=alert(1)></textarea>{HOSTILE}"))
    call = {"name": "look_up", "args": {"town": "Oslo"}, "id": "call-1"}
    session = motorhead.session("trip", "bob")
    session.append([*numbered(8), HumanMessage("town: Bergen"), AIMessage("", tool_calls=[call])])
    session.append([ToolMessage("12 degrees", tool_call_id="call-1"), HumanMessage("town: Trondheim"), AIMessage("Ok")])
    session.compact()
    session.learn()
    return motorhead


@pytest.fixture
def base(motorhead: Motorhead) -> Iterator[str]:
    """URL of a server with an API key."""
    settings = Settings(api_keys={KEY: motorhead.namespace}, host="127.0.0.1")
    with served(create_app(settings, motorhead=lambda _: motorhead)) as base:
        yield base


def signed_in(browser: Browser, base: str, **options: Any) -> Page:
    """Open a window, and sign in by keyboard. Whatever the browser complains of fails the test."""
    page = browser.new_context(base_url=base, **options).new_page()
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.goto("/ui")
    expect(page.get_by_label("API key")).to_be_focused()
    page.keyboard.type(KEY)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sessions")
    assert KEY not in page.url
    return page


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until something has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if target.evaluate("each => each === document.activeElement"):
            return
    pytest.fail(f"{target} cannot be reached by keyboard")


def test_axe_finds_nothing(browser: Browser, base: str) -> None:
    """At 1280 and 390 pixels, light and dark, axe-core reports nothing, and nothing is wider than the window."""
    for width, scheme, rules in ((1280, "light", "{}"), (390, "dark", "{runOnly: ['color-contrast', 'target-size']}")):
        size = {"width": width, "height": 900}
        page = signed_in(browser, base, viewport=size, color_scheme=scheme, bypass_csp=True)  # axe is an inline script
        for at, view in enumerate(VIEWS):
            page.goto(view)
            if width == 1280 or at % 3 == 0:
                page.evaluate(AXE)
                found = page.evaluate(f"axe.run({rules})")["violations"]
                assert not [(each["id"], each["nodes"][0]["html"]) for each in found], (view, width, scheme)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (view, width)
            assert page.title().endswith("· Motorhead"), view
        page.context.close()
    page = browser.new_page(base_url=base, bypass_csp=True)
    page.goto("/ui")
    page.evaluate(AXE)
    assert not page.evaluate("axe.run()")["violations"]
    page.close()


def test_why_did_it_say_bergen(browser: Browser, base: str, motorhead: Motorhead) -> None:
    """On a phone, by keyboard and without scripts, one finds the old fact and its source, and corrects the new one."""
    size = {"width": 390, "height": 800}
    page = signed_in(browser, base, viewport=size, java_script_enabled=False)

    def follow(name: str, role: Any = "link") -> None:
        target = page.get_by_role(role, name=name).first
        tab_to(page, target)
        page.keyboard.press("Enter")

    follow("Users")
    follow("facts")
    before = page.locator("details", has_text="Bergen")
    expect(before).not_to_have_attribute("open", "")
    tab_to(page, before.locator("summary"))
    page.keyboard.press("Enter")
    expect(before.locator("q")).to_have_text("town: Bergen")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the source
    expect(page.locator("#m8")).to_contain_text("town: Bergen")
    expect(page.locator("#m8")).to_be_in_viewport()
    page.go_back()
    follow("Correct: town: Trondheim")
    page.get_by_label("What holds instead").fill("Lives in Tromsø")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text(["The fact was corrected", ""])
    assert next(fact.text for fact in motorhead.user("bob").facts()) == "Lives in Tromsø"
    page.context.close()


def test_an_open_page_is_updated(browser: Browser, base: str, motorhead: Motorhead) -> None:
    """What another client appends appears without a reload, and the policy blocks nothing that the page needs."""
    page = signed_in(browser, base)
    complaints = list[str]()
    page.on("console", lambda message: complaints.append(message.text))

    def change_before(route: Route) -> None:
        motorhead.session("trip").append(HumanMessage("an early one"))
        route.continue_()

    page.route("**/events?*", change_before)  # between the page and its stream
    page.goto("/ui/session?id=trip")
    expect(page.locator("#newest")).to_contain_text("an early one", timeout=20_000)
    page.unroute_all()
    motorhead.session("trip").append(HumanMessage("a new message"))
    expect(page.locator("#newest")).to_contain_text("a new message", timeout=20_000)
    expect(page.locator("[data-note]")).to_contain_text("Updated")
    motorhead.session("trip").delete()
    expect(page.locator("[data-note]")).to_contain_text("Load the page again", timeout=20_000)
    assert not [each for each in complaints if "Security" in each]
    page.context.close()
