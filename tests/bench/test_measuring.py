"""Medians, ratios, and the order of turns."""

from collections.abc import Iterator
from contextlib import contextmanager

from bench.measuring import LIMIT, ORIGINAL, OURS, Contestant, Figures, Line, take_turns


def test_median_of_a_contestant():
    line = Line("seconds", "s", {OURS: [3.0, 1.0, 2.0]})
    assert line.median(OURS) == 2.0
    assert line.median(ORIGINAL) is None


def test_half_the_seconds_are_twice_as_good():
    assert Line("seconds", "s", {OURS: [1.0], ORIGINAL: [2.0]}).advantage(ORIGINAL) == 2.0


def test_half_the_rate_is_half_as_good():
    line = Line("rate", "MB/s", {OURS: [500.0], LIMIT: [1000.0]}, lower_is_better=False)
    assert line.advantage(LIMIT) == 0.5


def test_no_advantage_over_whoever_was_not_measured():
    assert Line("seconds", "s", {OURS: [1.0]}).advantage(LIMIT) is None
    assert Line("seconds", "s", {LIMIT: [1.0]}).advantage(LIMIT) is None


def test_no_advantage_where_a_ratio_says_nothing():
    assert Line("the poller", "cores", {OURS: [1.0], LIMIT: [1.0]}, comparable=False).advantage(LIMIT) is None


def counting(name: str, ran: list[str]) -> Contestant:
    """Return a contestant whose figure is the number of runs before it."""

    def run() -> Figures:
        ran.append(name)
        return {"before": len(ran) - 1}

    return Contestant(name, run)


def test_contestants_take_turns_in_alternating_order():
    ran: list[str] = []
    turns = take_turns([counting(OURS, ran), counting(LIMIT, ran)], rounds=3)
    assert ran == [OURS, LIMIT, LIMIT, OURS, OURS, LIMIT]
    assert turns.samples == {"before": {OURS: [0, 3, 4], LIMIT: [1, 2, 5]}}


def test_warm_ups_are_dropped():
    turns = take_turns([counting(OURS, [])], rounds=2, warm_ups=1)
    assert turns.samples == {"before": {OURS: [1, 2]}}


def test_turn_of_several_runs():
    ran: list[str] = []
    turns = take_turns([counting(OURS, ran), counting(LIMIT, ran)], rounds=1, runs=2)
    assert turns.samples == {"before": {OURS: [0, 1], LIMIT: [2, 3]}}


def test_our_stack_is_frozen_only_for_those_who_do_not_need_it():
    frozen: list[bool] = [False]
    seen: dict[str, bool] = {}

    @contextmanager
    def freezing() -> Iterator[None]:
        frozen[0] = True
        yield
        frozen[0] = False

    def contestant(name: str, *, on_our_stack: bool) -> Contestant:
        def run() -> Figures:
            seen[name] = frozen[0]
            return {}

        return Contestant(name, run, on_our_stack)

    take_turns([contestant(OURS, on_our_stack=True), contestant(ORIGINAL, on_our_stack=False)], 1, freezing)
    assert seen == {OURS: False, ORIGINAL: True}
