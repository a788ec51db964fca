"""Run the systems under test alternately, and summarize their figures by median and ratio.

Called by the rows, by the testbed (`run_interleaved`) and by the table (the figures of a `Line`).
"""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import groupby

# The keys of the samples in results.json.
THIS_SERVICE, ORIGINAL_SERVICE, MACHINE_LIMIT = "ours", "original", "limit"
Figures = Mapping[str, float]
Samples = dict[str, list[float]]


@dataclass(frozen=True)
class SystemUnderTest:
    """One of the systems that do the same work; `run` does it once and returns its figures by quantity.

    `uses_stack`: the system runs on this service's stack. For other systems the stack is frozen, because an idle Airflow
    uses CPU time.
    """

    name: str
    run: Callable[[], Figures]
    uses_stack: bool = False


@dataclass(frozen=True)
class Line:
    """One line of the table: the measured quantity, and every figure of every system.

    `comparable`: whether a ratio is meaningful. `curve` and `at`: the curve that has this line as a point, and its
    position on the x axis.
    """

    what: str
    unit: str
    samples: Samples
    lower_is_better: bool = True
    comparable: bool = True
    curve: str | None = None
    at: float | None = None
    note: str = ""

    def median(self, system: str) -> float | None:
        """Return the median of a system's figures; None if it has none."""
        return statistics.median(self.samples[system]) if self.samples.get(system) else None

    def advantage_over(self, system: str) -> float | None:
        """Return the speed of this service relative to another system: 2 is twice as fast, 0.8 is 80% of its speed.

        None if either was not measured, or the figures are not comparable.
        """
        own, other = self.median(THIS_SERVICE), self.median(system)
        if not own or not other or not self.comparable:
            return None
        return other / own if self.lower_is_better else own / other


@dataclass
class Measurements:
    """The figures by quantity, and then by system."""

    samples: dict[str, Samples] = field(default_factory=dict)

    def add(self, system: str, runs: Sequence[Figures]) -> None:
        """Add the figures of a system's runs."""
        for figures in runs:
            for what, figure in figures.items():
                self.samples.setdefault(what, {}).setdefault(system, []).append(figure)

    def lines(self, unit: str, *, lower_is_better: bool = True) -> Iterator[Line]:
        """Yield a line for each quantity."""
        for what, samples in self.samples.items():
            yield Line(what, unit, samples, lower_is_better)


def run_interleaved(
    systems: Sequence[SystemUnderTest],
    rounds: int,
    freeze_stack: Callable[[], AbstractContextManager[None]] = nullcontext,
    warm_ups: int = 0,
    runs: int = 1,
) -> Measurements:
    """Run every system `runs` times in each round, and reverse the order of the systems in every second round.

    The figures of the first `warm_ups` rounds, which are additional, are discarded. `freeze_stack` suspends this service's
    stack during the runs of systems that do not use it.
    """
    measurements = Measurements()
    for number in range(warm_ups + rounds):
        in_order = systems[:: -1 if number % 2 else 1]
        for uses_stack, group in groupby(in_order, lambda system: system.uses_stack):
            with nullcontext() if uses_stack else freeze_stack():
                for system in group:
                    figures = [system.run() for _ in range(runs)]
                    measurements.add(system.name, figures if number >= warm_ups else [])
    return measurements
