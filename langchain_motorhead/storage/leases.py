"""Redis operations on leases: a worker extends the lease that it holds, or gives it up."""

from __future__ import annotations

from langchain_motorhead.storage.operation import Command, Operation, ignore_replies
from langchain_motorhead.storage.scripts import SCRIPTS


def renew(lease_key: str, token: str, lease: int) -> Operation[None]:
    """Extend a lease to `lease` milliseconds from now, if `token` still holds it."""
    return Operation((Command(SCRIPTS["lease_renew"], (lease_key,), (token, lease)),), ignore_replies)


def give_up(lease_key: str, token: str) -> Operation[None]:
    """Release a lease, if `token` still holds it."""
    return Operation((Command(SCRIPTS["lease_renew"], (lease_key,), (token, 0)),), ignore_replies)
