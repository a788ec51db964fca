"""Medians, ratios, and the order in which systems are run."""

from collections.abc import Iterator
from contextlib import contextmanager

from bench.measurements import (
    MACHINE_LIMIT,
    ORIGINAL_SERVICE,
    THIS_SERVICE,
    Figures,
    Line,
    SystemUnderTest,
    run_interleaved,
)


def test_median_of_a_system():
    line = Line("seconds", "s", {THIS_SERVICE: [3.0, 1.0, 2.0]})
    assert line.median(THIS_SERVICE) == 2.0
    assert line.median(ORIGINAL_SERVICE) is None


def test_half_the_seconds_are_an_advantage_of_two():
    assert Line("seconds", "s", {THIS_SERVICE: [1.0], ORIGINAL_SERVICE: [2.0]}).advantage_over(ORIGINAL_SERVICE) == 2.0


def test_half_the_rate_is_an_advantage_of_one_half():
    line = Line("rate", "MB/s", {THIS_SERVICE: [500.0], MACHINE_LIMIT: [1000.0]}, lower_is_better=False)
    assert line.advantage_over(MACHINE_LIMIT) == 0.5


def test_no_advantage_over_a_system_without_figures():
    assert Line("seconds", "s", {THIS_SERVICE: [1.0]}).advantage_over(MACHINE_LIMIT) is None
    assert Line("seconds", "s", {MACHINE_LIMIT: [1.0]}).advantage_over(MACHINE_LIMIT) is None


def test_no_advantage_if_figures_are_not_comparable():
    assert (
        Line("the poller", "cores", {THIS_SERVICE: [1.0], MACHINE_LIMIT: [1.0]}, comparable=False).advantage_over(
            MACHINE_LIMIT
        )
        is None
    )


def counting_system(name: str, ran: list[str]) -> SystemUnderTest:
    """Return a system whose figure is the number of earlier runs."""

    def run() -> Figures:
        ran.append(name)
        return {"before": len(ran) - 1}

    return SystemUnderTest(name, run)


def test_every_second_round_reverses_the_order():
    ran: list[str] = []
    measurements = run_interleaved([counting_system(THIS_SERVICE, ran), counting_system(MACHINE_LIMIT, ran)], rounds=3)
    assert ran == [THIS_SERVICE, MACHINE_LIMIT, MACHINE_LIMIT, THIS_SERVICE, THIS_SERVICE, MACHINE_LIMIT]
    assert measurements.samples == {"before": {THIS_SERVICE: [0, 3, 4], MACHINE_LIMIT: [1, 2, 5]}}


def test_figures_of_warm_ups_are_discarded():
    measurements = run_interleaved([counting_system(THIS_SERVICE, [])], rounds=2, warm_ups=1)
    assert measurements.samples == {"before": {THIS_SERVICE: [1, 2]}}


def test_several_runs_in_a_round():
    ran: list[str] = []
    measurements = run_interleaved(
        [counting_system(THIS_SERVICE, ran), counting_system(MACHINE_LIMIT, ran)], rounds=1, runs=2
    )
    assert measurements.samples == {"before": {THIS_SERVICE: [0, 1], MACHINE_LIMIT: [2, 3]}}


def test_stack_is_frozen_only_for_systems_that_do_not_use_it():
    frozen: list[bool] = [False]
    seen: dict[str, bool] = {}

    @contextmanager
    def freeze_stack() -> Iterator[None]:
        frozen[0] = True
        yield
        frozen[0] = False

    def system(name: str, *, uses_stack: bool) -> SystemUnderTest:
        def run() -> Figures:
            seen[name] = frozen[0]
            return {}

        return SystemUnderTest(name, run, uses_stack)

    run_interleaved(
        [system(THIS_SERVICE, uses_stack=True), system(ORIGINAL_SERVICE, uses_stack=False)], 1, freeze_stack
    )
    assert seen == {THIS_SERVICE: False, ORIGINAL_SERVICE: True}
