"""Several processes that serve one port: what runs in each of them. `cli/serve.py` starts them with uvicorn.

They share nothing but the port. What keeps two of them from summarizing one session at a time is the lease in Redis, as
between servers on different machines.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import threading
from types import FrameType
from typing import TYPE_CHECKING

from langchain_motorhead.exceptions import InvalidInputError
from langchain_motorhead.server import json_logs
from langchain_motorhead.server.settings import Settings

if TYPE_CHECKING:
    from starlette.applications import Starlette

# How long the thread that makes summaries may hold the interpreter lock while the event loop waits. Python's default
# is 5 ms.
_SWITCH_INTERVAL_SECONDS = 0.001
# New objects after which the garbage collector looks for cycles among them. With Python's default of 700, the objects
# of 16 requests at once set it off again and again, which took an eighth of the CPU of a POST and found nothing.
_YOUNG_OBJECTS = 20_000


def create_worker() -> Starlette:
    """Set up a worker, and build its application from the environment, which the first process has checked."""
    gc.disable()  # it finds nothing in what is imported now; `warm_up` enables it
    from langchain_motorhead.server.app import create_app

    settings = Settings()
    set_up(settings)
    threading.Thread(target=_stop_with_parent, name="motorhead-parent", daemon=True).start()
    app = create_app(settings)
    for each in (signal.SIGTERM, signal.SIGINT):
        _note_stop(app, each)
    app.state.owns_process = True
    return app


def check(settings: Settings) -> None:
    """Check that several processes can serve what the settings name.

    Raises:
        InvalidInputError: Each process would have a Redis of its own.
    """
    if settings.workers > 1 and settings.redis_url.lower().rstrip("/") == "embedded:":
        raise InvalidInputError(
            f"{settings.workers} processes cannot share embedded://, which is a Redis in memory for each. Give it a "
            "folder, as in embedded:///some/folder, or use one process"
        )


def set_up(settings: Settings) -> None:
    """Set up what belongs to a process: its logs, its garbage collector, and how its threads take turns."""
    json_logs.set_up(settings.log_level)
    gc.set_threshold(_YOUNG_OBJECTS, *gc.get_threshold()[1:])
    sys.setswitchinterval(_SWITCH_INTERVAL_SECONDS)


def _note_stop(app: Starlette, number: signal.Signals) -> None:
    """Tell the application when a signal stops this worker, so that open live views end. Then uvicorn stops."""
    stop = signal.getsignal(number)

    def noting(given: int, frame: FrameType | None) -> None:
        app.state.stopping = True
        if callable(stop):
            stop(given, frame)

    if callable(stop):
        signal.signal(number, noting)


def _stop_with_parent() -> None:
    """Stop this worker gracefully when the first process was killed. Otherwise it would keep the port for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
