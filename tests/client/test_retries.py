"""Attempts are repeated with growing delays, until too much time has passed without progress."""

from collections.abc import Callable

import pytest

from pacifica_ingest_client.errors import ServiceFailed, ServiceUnavailable
from pacifica_ingest_client.progress import NoProgress
from pacifica_ingest_client.service.retries import LONGEST_SECONDS, Retries


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("time.monotonic", lambda: clock.now)
    monkeypatch.setattr("time.sleep", clock.sleep)
    return clock


def failing(times: int, error: ServiceUnavailable) -> Callable[[], str]:
    left = iter(range(times))

    def function() -> str:
        if next(left, None) is not None:
            raise error
        return "done"

    return function


def test_delays_double_up_to_a_minute(clock: Clock):
    assert Retries(3600, NoProgress()).call(failing(10, ServiceUnavailable("outage"))) == "done"
    expected = [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    assert all(0.7 * wanted < slept < 1.3 * wanted for wanted, slept in zip(expected, clock.slept, strict=True))
    assert max(clock.slept) <= LONGEST_SECONDS * 1.25


def test_the_wish_of_the_service_is_respected(clock: Clock):
    Retries(3600, NoProgress()).call(failing(1, ServiceUnavailable("full", retry_after=90)))
    assert clock.slept == [90]


def test_the_error_is_raised_when_the_time_is_over(clock: Clock):
    with pytest.raises(ServiceUnavailable, match="outage"):
        Retries(100, NoProgress()).call(failing(1000, ServiceUnavailable("outage")))
    assert 50 < sum(clock.slept) <= 100


def test_the_time_counts_from_the_first_failure_after_progress(clock: Clock):
    retries = Retries(100, NoProgress())
    for _ in range(5):
        # Each step takes long before it fails, and makes progress.
        clock.now += 1000
        retries.wait(ServiceUnavailable("cut"))
        retries.reset()
    assert len(clock.slept) == 5


def test_other_errors_are_not_repeated(clock: Clock):
    def function() -> None:
        raise ServiceFailed("a bug")

    with pytest.raises(ServiceFailed):
        Retries(3600, NoProgress()).call(function)
    assert clock.slept == []
