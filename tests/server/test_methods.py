"""HTTP methods: HEAD wherever GET works, and a complete `Allow` header where a method is refused."""

from __future__ import annotations

from collections import defaultdict

import httpx
from langchain_core.messages import HumanMessage
from starlette.routing import Route

from langchain_motorhead.server import Settings, create_app
from support.factory import MakeMotorhead
from support.http_servers import served


def test_head_and_allow(make: MakeMotorhead) -> None:
    """HEAD answers as GET does, without a body; another method is a 405 that names all methods of the path."""
    make().session("s").append(HumanMessage("hi"))
    app = create_app(Settings(ui=False), motorhead=lambda _: make())
    methods = defaultdict[str, set[str]](set)
    for route in app.routes:
        assert isinstance(route, Route)
        methods[route.path] |= route.methods or set()
    assert methods["/sessions/{session_id}/memory"] == {"GET", "HEAD", "POST", "DELETE"}
    with served(app) as base, httpx.Client(base_url=base) as http:
        for path, allowed in methods.items():
            url = path.format(session_id="s", user_id="u", seq=0, fact_id="f", name="swagger-ui.css")
            refused = http.patch(url)
            assert (refused.status_code, refused.json()["code"]) == (405, "method_not_allowed")
            assert refused.headers["allow"] == ", ".join(sorted(allowed))
            assert ("GET" in allowed) == ("HEAD" in allowed)
            if "GET" in allowed:
                get, head = http.get(url), http.head(url)
                assert (head.status_code, head.content) == (get.status_code, b"") == (200, b"")
                assert head.headers["content-type"] == get.headers["content-type"]
            else:
                assert http.get(url).status_code == http.head(url).status_code == 405
        assert http.head("/nothing").status_code == 404
