"""Signing in and out: a form takes an API key, and a cookie proves it from then on."""

from __future__ import annotations

import re
import time

from starlette.responses import RedirectResponse

from langchain_motorhead.server.page.rendering import HEADERS
from langchain_motorhead.server.page.visit import SIGNED_IN, Answer, Visit
from langchain_motorhead.server.tenants import to_digest

# Where a sign-in may lead: to this page only.
_OWN_ADDRESS = re.compile(r"/ui[\w/?=&%.~+-]*", re.ASCII)


async def sign_in(visit: Visit) -> Answer:
    """Check the API key of the form, and remember that it was entered."""
    fields = await visit.form("sign in")
    key = fields.get("key", "").strip()
    digest = to_digest(key)
    if not key or visit.tenants.of_digest(digest) is None:
        return visit.sign_in_form("This key is not valid.", 401, fields.get("next", ""))
    visit.digest = digest
    visit.note("sign in")
    wanted = fields.get("next", "")
    target = visit.prefix + wanted if _OWN_ADDRESS.fullmatch(wanted) else visit.url()
    response = RedirectResponse(target, 303, HEADERS)
    visit.set_cookie(response, SIGNED_IN, visit.state.sign_ins.issue(digest, time.time()))
    return response


async def sign_out(visit: Visit) -> Answer:
    """Forget in this browser that a key was entered."""
    await visit.form("sign out")
    response = visit.go("")
    visit.set_cookie(response, SIGNED_IN, "", 0)
    return response
