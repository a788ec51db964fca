"""Failed log-ins are counted by name, for a minute, in bounded memory."""

import time
from contextlib import ExitStack

import pytest
from accounts import throttle
from accounts.throttle import MAX_SIMULTANEOUS, MAX_TRIES, WINDOW_SECONDS, Throttle


def tries(limited: Throttle, name: str) -> bool:
    with limited.trying(name) as permitted:
        return permitted


def test_name_is_refused_after_its_failures_until_a_minute_after_the_first(monkeypatch: pytest.MonkeyPatch):
    now = time.monotonic()
    monkeypatch.setattr(throttle.time, "monotonic", lambda: now)
    limited = Throttle()
    assert [tries(limited, "gus") for _ in range(MAX_TRIES + 1)] == [True] * MAX_TRIES + [False]
    assert tries(limited, "vera")
    now += WINDOW_SECONDS
    assert tries(limited, "gus")


def test_name_that_has_logged_in_begins_again():
    limited = Throttle()
    for _ in range(2 * MAX_TRIES):
        assert tries(limited, "gus")
        limited.forget("gus")


def test_number_of_names_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(throttle, "MAX_NAMES", 10)
    limited = Throttle()
    assert all(tries(limited, f"guess {number}") for number in range(100))
    assert len(limited._tries) == 10


def test_tries_beyond_those_that_wait_for_the_directory_are_refused():
    limited = Throttle()
    with ExitStack() as waiting:
        assert all(waiting.enter_context(limited.trying(f"waiting {number}")) for number in range(MAX_SIMULTANEOUS))
        assert not tries(limited, "one more")
    assert tries(limited, "one more")
