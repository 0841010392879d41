"""The queue of sessions that wait for a model that is away."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from langchain_motorhead.runtime.retry_queue import RetryQueue
from langchain_motorhead.storage.keys import SessionKeys, session_keys
from support.indexing import DOWN, KEYS

OTHER = session_keys("ns", "other")


class Retries:
    """Notes what is retried, when, and in which thread."""

    def __init__(self) -> None:
        self.sessions: list[str] = []
        self.times: list[float] = []
        self.threads: list[int] = []
        self.then: Callable[[SessionKeys], object] = lambda keys: None

    def __call__(self, keys: SessionKeys) -> None:
        """Note it."""
        self.sessions.append(keys.session_id)
        self.times.append(time.monotonic())
        self.threads.append(threading.get_ident())
        self.then(keys)

    def wait_for(self, count: int) -> None:
        """Wait until there were so many, a minute at most."""
        deadline = time.monotonic() + 60
        while len(self.sessions) < count and time.monotonic() < deadline:
            time.sleep(0.005)
        assert len(self.sessions) >= count


@pytest.fixture
def retries() -> Retries:
    """What was retried."""
    return Retries()


@pytest.fixture
def retry_queue(retries: Retries) -> Iterator[RetryQueue]:
    """Retries after a second, or as `_FIRST` is set to be."""
    retry_queue = RetryQueue(retries)
    yield retry_queue
    retry_queue.close()


def pauses(caplog: pytest.LogCaptureFixture) -> list[float]:
    """List the pauses that were logged."""
    return [record.args[1] for record in caplog.records if isinstance(record.args, tuple) and len(record.args) == 3]  # type: ignore[misc]


def test_without_a_failure_nothing_is_held(retry_queue: RetryQueue, retries: Retries) -> None:
    """As long as the model answers, nobody waits and nothing is retried."""
    assert not retry_queue.defer_if_open(KEYS)
    retry_queue.record_success(KEYS)
    assert not retry_queue.defer_if_open(KEYS)
    assert retries.sessions == []


def test_without_a_failure_nobody_else_is_retried(retry_queue: RetryQueue, retries: Retries) -> None:
    """A session that passes has none retried that waits for something else than the model."""
    retry_queue.retry_later(OTHER, 60)
    retry_queue.record_success(KEYS)
    assert retries.sessions == []
    retry_queue.retry_now()
    assert retries.sessions == ["other"]


def test_looking_again(retry_queue: RetryQueue, retries: Retries, caplog: pytest.LogCaptureFixture) -> None:
    """A session that did not fail is retried once after a while, in another thread; none is held, nothing logged."""
    start = time.monotonic()
    retry_queue.retry_later(KEYS, 0.1)
    retry_queue.retry_later(KEYS, 0.1)
    assert not retry_queue.defer_if_open(KEYS)
    assert not retry_queue.defer_if_open(OTHER)
    retries.wait_for(1)
    assert retries.times[0] - start >= 0.1
    assert threading.get_ident() not in retries.threads
    time.sleep(0.15)
    assert retries.sessions == ["s"]
    assert caplog.records == []


def test_looking_again_and_again(retry_queue: RetryQueue, retries: Retries) -> None:
    """A retry may ask for the next one."""
    retries.then = lambda keys: retry_queue.retry_later(keys, 0.01) if len(retries.sessions) < 3 else None
    retry_queue.retry_later(KEYS, 0.01)
    retries.wait_for(3)
    assert retries.sessions == ["s"] * 3


def test_the_model_is_back_before_looking_again(retry_queue: RetryQueue, retries: Retries) -> None:
    """After a failure, what is to be looked at again is retried with the others when one passes."""
    retry_queue.retry_later(OTHER, 60)
    retry_queue.record_failure(KEYS, DOWN)
    retry_queue.record_success(KEYS)
    assert retries.sessions == ["other"]


def test_a_failure_holds_all_sessions(
    retry_queue: RetryQueue, retries: Retries, caplog: pytest.LogCaptureFixture
) -> None:
    """After a failure, no session asks the model for a second, which is logged once, and why."""
    retry_queue.record_failure(KEYS, DOWN)
    assert retry_queue.defer_if_open(KEYS)
    assert retry_queue.defer_if_open(OTHER)
    retry_queue.record_failure(OTHER, DOWN)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == (
        "session 's': messages are indexed by their words only, next try in 1 s: the model is away"
    )
    assert retries.sessions == []


def test_pauses_grow(
    retry_queue: RetryQueue, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each failure after a pause doubles it, up to the longest, and a success begins anew."""
    now = [1_000.0]
    monkeypatch.setattr("langchain_motorhead.runtime.retry_queue.time.monotonic", lambda: now[0])
    monkeypatch.setattr(RetryQueue, "_set_timer", lambda self: None)
    for _ in range(8):
        retry_queue.record_failure(KEYS, DOWN)
        retry_queue.record_failure(OTHER, DOWN)  # in the same pause
        now[0] += 60
        assert not retry_queue.defer_if_open(KEYS)
    assert pauses(caplog) == [1, 2, 4, 8, 16, 32, 60, 60]
    retry_queue.record_success(KEYS)
    retry_queue.record_failure(KEYS, DOWN)
    assert pauses(caplog)[-1] == 1


def test_a_pause_ends_by_itself(retry_queue: RetryQueue, retries: Retries) -> None:
    """After the pause, each session that waits is retried once, in another thread, with nobody asking for it."""
    start = time.monotonic()
    retry_queue.record_failure(KEYS, DOWN)
    retry_queue.record_failure(KEYS, DOWN)
    retry_queue.defer_if_open(OTHER)
    retries.wait_for(2)
    assert sorted(retries.sessions) == ["other", "s"]
    assert retries.times[0] - start >= 1
    assert threading.get_ident() not in retries.threads
    assert not retry_queue.defer_if_open(KEYS)
    time.sleep(0.1)
    assert len(retries.sessions) == 2


def test_the_model_is_back(retry_queue: RetryQueue, retries: Retries) -> None:
    """When one session passes, all others that wait are retried at once, and the pause is over."""
    retry_queue.record_failure(KEYS, DOWN)
    assert retry_queue.defer_if_open(OTHER)
    retry_queue.record_success(KEYS)
    assert retries.sessions == ["other"]
    assert not retry_queue.defer_if_open(KEYS)
    retry_queue.record_success(KEYS)
    assert retries.sessions == ["other"]


def test_retrying_now(retry_queue: RetryQueue, retries: Retries) -> None:
    """On demand, it retries at once, without waiting for the pause to end."""
    retry_queue.record_failure(KEYS, DOWN)
    retry_queue.record_failure(OTHER, DOWN)
    retry_queue.retry_now()
    assert sorted(retries.sessions) == ["other", "s"]
    retry_queue.retry_now()
    assert len(retries.sessions) == 2


def test_a_failure_of_the_retry_waits_again(
    retry_queue: RetryQueue, retries: Retries, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What fails again after its retry is retried again, later each time, until it passes."""
    monkeypatch.setattr("langchain_motorhead.runtime.retry_queue._FIRST_PAUSE_SECONDS", 0.03)

    def fail_twice(keys: SessionKeys) -> None:
        if len(retries.sessions) < 3:
            threading.Timer(0.02, retry_queue.record_failure, (keys, DOWN)).start()
        else:
            retry_queue.record_success(keys)

    retries.then = fail_twice
    retry_queue.record_failure(KEYS, DOWN)
    retries.wait_for(3)
    assert retries.sessions == ["s"] * 3
    first, second, third = retries.times
    assert second - first >= 0.02 + 0.06
    assert third - second >= 0.02 + 0.12


def test_a_failure_at_once_waits_again(
    retry_queue: RetryQueue, retries: Retries, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What fails within its retry, in the thread that retries it, is retried again as well."""
    monkeypatch.setattr("langchain_motorhead.runtime.retry_queue._FIRST_PAUSE_SECONDS", 0.02)
    retries.then = lambda keys: retry_queue.record_failure(keys, DOWN) if len(retries.sessions) < 3 else None
    retry_queue.record_failure(KEYS, DOWN)
    retries.wait_for(3)
    assert retries.sessions == ["s"] * 3


def test_an_earlier_pause_does_not_end_a_later_one(
    retry_queue: RetryQueue, retries: Retries, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pause that a success ended has no part in the next one, which may be shorter, or longer."""
    monkeypatch.setattr("langchain_motorhead.runtime.retry_queue._FIRST_PAUSE_SECONDS", 3_600.0)
    monkeypatch.setattr("langchain_motorhead.runtime.retry_queue._MAX_PAUSE_SECONDS", 3_600.0)
    retry_queue.record_failure(KEYS, DOWN)
    retry_queue.record_success(KEYS)
    monkeypatch.setattr("langchain_motorhead.runtime.retry_queue._FIRST_PAUSE_SECONDS", 0.02)
    retry_queue.record_failure(KEYS, DOWN)
    retries.wait_for(1)


def test_closing_ends_all_retries(retry_queue: RetryQueue, retries: Retries, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once closed, what waits is not retried any more, and closing again is no error."""
    monkeypatch.setattr("langchain_motorhead.runtime.retry_queue._FIRST_PAUSE_SECONDS", 0.1)
    retry_queue.record_failure(KEYS, DOWN)
    retry_queue.close()
    retry_queue.close()
    time.sleep(0.2)
    assert retries.sessions == []


def test_closing_forbids_later_retries(
    retry_queue: RetryQueue, retries: Retries, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once closed, what fails, waits or is to be looked at again after that begins no wait for a retry."""
    monkeypatch.setattr("langchain_motorhead.runtime.retry_queue._FIRST_PAUSE_SECONDS", 0.05)
    retry_queue.close()
    before = set(threading.enumerate())
    retry_queue.retry_later(OTHER, 0.01)
    retry_queue.record_failure(KEYS, DOWN)
    retry_queue.defer_if_open(OTHER)
    assert set(threading.enumerate()) <= before
    time.sleep(0.15)
    assert retries.sessions == []


@pytest.mark.parametrize("timed", [True, False])
def test_a_retry_that_raises_does_not_keep_others_from_theirs(
    retry_queue: RetryQueue, retries: Retries, caplog: pytest.LogCaptureFixture, timed: bool
) -> None:
    """What cannot be retried is logged with its error, and the sessions after it are retried as well."""
    broken = RuntimeError("no thread can be started")

    def refuse(keys: SessionKeys) -> None:
        if keys == KEYS:
            raise broken

    retries.then = refuse
    retry_queue.retry_later(KEYS, 0.05 if timed else 60)
    retry_queue.retry_later(OTHER, 0.06 if timed else 60)
    if not timed:
        retry_queue.retry_now()
    retries.wait_for(2)
    assert retries.sessions == ["s", "other"]
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.WARNING, "session 's': its indexing could not be retried")
    assert record.exc_info is not None
    assert record.exc_info[1] is broken


def test_no_thread_keeps_the_process(retry_queue: RetryQueue) -> None:
    """What waits for a pause to end does not keep a process from ending."""
    before = set(threading.enumerate())
    retry_queue.record_failure(KEYS, DOWN)
    begun = set(threading.enumerate()) - before
    assert [thread.daemon for thread in begun] == [True]
