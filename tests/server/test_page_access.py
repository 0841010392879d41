"""Who may use the memory page: signing in, tenants, forms of other sites, the audit log, and errors."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import httpx
import pytest
from langchain_core.messages import HumanMessage

from langchain_motorhead import Motorhead
from langchain_motorhead.server import Settings, create_app
from langchain_motorhead.server.http.errors import ForbiddenError
from langchain_motorhead.server.json_logs import JSONLines
from langchain_motorhead.server.page.forms import Forms, StaleFormError
from langchain_motorhead.server.page.sign_in import LIFETIME_SECONDS, SignIns
from langchain_motorhead.server.tenants import to_digest
from support.http_servers import served
from support.pages import Form, form, sign_in

KEYS = {"key-a": "A", "key-b": "B"}
COOKIE = "motorhead_page"


@pytest.fixture
def base(url: str, namespace: str) -> Iterator[str]:
    """URL of a server with two tenants. Both have a session of the same id."""

    def of(name: str) -> Motorhead:
        motorhead = Motorhead.from_url(url, namespace=f"{namespace} {name}", compaction="manual")
        motorhead.session("s", "bob").append(HumanMessage(f"secret of {name}"))
        return motorhead

    with served(create_app(Settings(api_keys=KEYS, host="127.0.0.1"), motorhead=of)) as base:
        yield base


@pytest.fixture
def http(base: str) -> Iterator[httpx.Client]:
    """A browser on this server, so to speak."""
    with httpx.Client(base_url=base, timeout=30, follow_redirects=True) as client:
        yield client


def test_nothing_is_shown_without_a_key(http: httpx.Client) -> None:
    """Without a sign-in, with a wrong key, and with a forged cookie there is the form to sign in, and nothing else."""
    addresses = ["/ui", "/ui/users", "/ui/search?q=secret", "/ui/session?id=s", "/ui/session?id=none", "/ui/none"]
    addresses += ["/ui/session/events?id=s", "/ui/events", "/ui/confirm?id=s&do=delete", "/ui/facts?user=bob"]
    for cookie in ("", "x", "x.9999999999.y.z", "a" * 5000):
        http.cookies.set(COOKIE, cookie, path="/ui")
        for address in addresses:
            answer = http.get(address)
            assert (answer.status_code, answer.text.count('name="key"')) == (401, 1), address
            assert "secret of" not in answer.text
            assert "<nav" not in answer.text
    assert http.post("/ui/do?id=s&do=delete", data={"token": "x"}).status_code == 401
    http.cookies.clear()
    answer = sign_in(http, "wrong")
    assert (answer.status_code, "not valid" in answer.text, COOKIE in http.cookies) == (401, True, False)


def test_signing_in_and_out(http: httpx.Client) -> None:
    """A key leads to what was asked for, by a cookie that scripts and other sites cannot use; the key is nowhere."""
    with httpx.Client(base_url=http.base_url) as client:
        first = client.get("/ui/session?id=s")
        answer = Form(first.text, "/ui/sign-in").send(client, key=" key-a ")
        assert (answer.status_code, answer.headers["location"]) == (303, "/ui/session?id=s")
        cookie = answer.headers["set-cookie"]
        assert {"HttpOnly", "SameSite=strict", "Path=/ui", f"Max-Age={LIFETIME_SECONDS}"} <= set(cookie.split("; "))
        assert "key-a" not in cookie
        assert "secret of A" in client.get("/ui/session?id=s").text
        away = Form(first.text, "/ui/sign-in")
        for target in ("//evil.example", "https://evil.example", "/ui\\@evil.example", "/other", "/ui/\r\nx: y"):
            fresh = Form(httpx.get(f"{http.base_url}/ui").text, "/ui/sign-in")
            assert fresh.action == away.action
            with httpx.Client(base_url=http.base_url) as other:
                sent = Form(other.get("/ui").text, "/ui/sign-in").send(other, key="key-a", next=target)
            assert sent.headers["location"] == "/ui", target
        answer = Form(client.get("/ui").text, "/ui/sign-out").send(client)
        assert answer.status_code == 303
        assert client.get("/ui").status_code == 401


def test_a_form_of_another_tenant_or_site_is_refused(http: httpx.Client, base: str) -> None:
    """A tenant sees its own sessions only. A form works for its tenant, its browser, its ids and this site alone."""
    sign_in(http, "key-a")
    assert "secret of A" in http.get("/ui/session?id=s").text
    assert "secret of B" not in http.get("/ui/session/transcript?id=s").text
    delete = form(http, "/ui/confirm?id=s&do=delete")
    with httpx.Client(base_url=base, follow_redirects=True) as other:
        sign_in(other, "key-b")
        assert delete.send(other).status_code == 403
    assert http.post(delete.action.replace("id=s", "id=t"), data=delete.fields).status_code == 403
    assert http.post(delete.action.replace("delete", "compact"), data=delete.fields).status_code == 403
    assert http.post(delete.action, data={}).status_code == 403
    for site in ("cross-site", "same-site"):
        assert http.post(delete.action, data=delete.fields, headers={"Sec-Fetch-Site": site}).status_code == 403
    assert http.post(delete.action, json=delete.fields).status_code == 415
    assert http.get(delete.action).status_code == 404
    assert "secret of A" in http.get("/ui/session?id=s").text
    assert delete.send(http).status_code == 200
    with httpx.Client(base_url=base, follow_redirects=True) as other:
        sign_in(other, "key-b")
        assert "secret of B" in other.get("/ui/session?id=s").text


def test_the_audit_log_says_who_did_what(http: httpx.Client, caplog: pytest.LogCaptureFixture) -> None:
    """Each change has one line with the key's fingerprint, the action and the ids, from the page and from REST."""
    caplog.set_level(logging.INFO)
    sign_in(http, "key-a")
    remember = form(http, "/ui/confirm?user=bob&do=remember")
    remember.send(http, text="likes hush-1")
    remember.send(http, text="likes hush-1")
    form(http, "/ui/confirm?id=s&seq=0&do=edit").send(http, text="hush-2")
    headers = {"Authorization": "Bearer key-b"}
    http.put("/sessions/s/summary", json={"text": "hush-3", "override": True}, headers=headers)
    http.delete("/sessions/s/memory", headers=headers)
    http.delete("/sessions/s/memory", headers={"Authorization": "Bearer hush-4"})
    http.get("/sessions/s/memory", headers=headers)
    said = {"messages": [{"role": "user", "content": "hush-5"}]}
    http.post("/sessions/t/memory", json=said, headers=headers)
    http.post("/sessions/t/memory", json={**said, "context": "hush-6"}, headers=headers)
    http.get("/sessions/t/memory", headers=headers)  # by the same connection: the lines of those before are written
    logged = [each for each in caplog.records if each.name == "langchain_motorhead.server.audit"]
    lines = [json.loads(JSONLines().format(each)) for each in logged]
    a, b, unknown = (to_digest(key).hex()[:8] for key in ("key-a", "key-b", "hush-4"))
    ids = [{name: each[name] for name in ("session_id", "user_id", "seq") if name in each} for each in lines]
    assert [(each["action"], each["key"], each["outcome"]) for each in lines] == [
        ("sign in", a, "done"),
        ("remember fact", a, "done"),
        ("remember fact", a, "refused"),
        ("edit message", a, "done"),
        ("edit summary", b, "done"),
        ("delete session", b, "done"),
        ("delete session", unknown, "refused"),
        ("edit summary", b, "done"),
    ]
    assert ids[-1] == {"session_id": "t"}
    assert ids[1:5] == [{"user_id": "bob"}] * 2 + [{"session_id": "s", "seq": "0"}, {"session_id": "s"}]
    assert "hush" not in json.dumps(lines)
    assert all(each["time"] and each["request_id"] for each in lines)


def test_a_redis_that_is_away_is_named(base: str) -> None:
    """Without Redis a page says so, and a form that could not be executed can be sent again."""
    away = Motorhead.from_url("redis://127.0.0.1:1", compaction="manual")
    with served(create_app(Settings(), motorhead=away)) as url, httpx.Client(base_url=url, timeout=30) as http:
        answer = http.get("/ui/session?id=s")
        assert (answer.status_code, "Redis cannot be reached" in answer.text) == (503, True)
        remember = form(http, "/ui/confirm?user=bob&do=remember")
        assert [remember.send(http, text="tea").status_code for _ in range(2)] == [503, 503]
    away.close()


def test_the_page_can_be_off_and_under_a_prefix(url: str, namespace: str) -> None:
    """`MOTORHEAD_UI=false` removes it. Behind a prefix, all its addresses have the prefix."""
    motorhead = Motorhead.from_url(url, namespace=namespace, compaction="manual")
    motorhead.session("s").append(HumanMessage("hi"))
    with served(create_app(Settings(ui=False), motorhead=motorhead)) as base:
        assert httpx.get(f"{base}/ui").status_code == 404
    with served(create_app(Settings(root_path="/memory"), motorhead=motorhead)) as base:
        answer = httpx.get(f"{base}/memory/ui/session?id=s")
        assert answer.status_code == 200
        assert "Path=/memory/ui" in answer.headers["set-cookie"]
        assert 'href="/ui' not in answer.text
        assert 'href="/memory/ui/session/transcript?id=s"' in answer.text
    motorhead.close()


def test_a_cookie_ends_with_its_time_and_its_key() -> None:
    """A sign-in is accepted by every server with the key, until it expires, and not if one character differs."""
    digests = [to_digest(key) for key in KEYS]
    cookie = SignIns(digests).issue(digests[0], 1000)
    assert SignIns(digests).read(cookie, 1000 + LIFETIME_SECONDS - 1) == digests[0]
    assert SignIns(digests).read(cookie, 1000 + LIFETIME_SECONDS) is None
    assert SignIns(digests[1:]).read(cookie, 1000) is None
    for at in range(len(cookie)):
        assert (
            SignIns(digests).read(f"{cookie[:at]}{'a' if cookie[at] != 'a' else 'b'}{cookie[at + 1 :]}", 1000) is None
        )


def test_a_form_has_one_use() -> None:
    """A token is accepted once, within its time, for its secret and its purpose; a failed one again."""
    forms = Forms()
    token = forms.issue("secret", "delete", 0)
    for secret, purpose, sent in (("other", "delete", token), ("secret", "edit", token), ("", "delete", token),
                                  ("secret", "delete", token[1:]), ("secret", "delete", "")):  # fmt: skip
        with pytest.raises(ForbiddenError):
            forms.accept(sent, secret, purpose, 1)
    forms.accept(token, "secret", "delete", 1)
    with pytest.raises(StaleFormError, match="before"):
        forms.accept(token, "secret", "delete", 2)
    forms.release(token)
    with pytest.raises(StaleFormError, match="too old"):
        forms.accept(token, "secret", "delete", 3600)
    forms.accept(token, "secret", "delete", 3)
