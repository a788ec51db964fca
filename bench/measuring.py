"""The core of every row: contestants take turns, several times, and their figures are kept; median, spread, ratio.

Called by the rows (`take_turns`, `lines`) and by the table (the figures of a `Line`).
"""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import groupby

OURS, ORIGINAL, LIMIT = "ours", "original", "limit"
Figures = Mapping[str, float]
Samples = dict[str, list[float]]


@dataclass(frozen=True)
class Contestant:
    """One of those that do the same work; `run` does it once and gives its figures by what they are of.

    `on_our_stack`: it works on our stack, which otherwise is frozen, because an idle Airflow takes time from the others.
    """

    name: str
    run: Callable[[], Figures]
    on_our_stack: bool = False


@dataclass(frozen=True)
class Line:
    """One line of the table: what was measured, and every figure of every contestant.

    `comparable`: whether a ratio says something; `curve` and `at`: the curve that it is a point of, and where on its axis.
    """

    what: str
    unit: str
    samples: Samples
    lower_is_better: bool = True
    comparable: bool = True
    curve: str | None = None
    at: float | None = None
    note: str = ""

    def median(self, name: str) -> float | None:
        """The median of a contestant's figures; None when it has none."""
        return statistics.median(self.samples[name]) if self.samples.get(name) else None

    def advantage(self, over: str) -> float | None:
        """How many times as good ours is as another: 2 is twice as fast, 0.8 is four fifths of its speed."""
        mine, other = self.median(OURS), self.median(over)
        if not mine or not other or not self.comparable:
            return None
        return other / mine if self.lower_is_better else mine / other


@dataclass
class Turns:
    """What came of the turns: the figures by what they are of, and then by contestant."""

    samples: dict[str, Samples] = field(default_factory=dict)

    def add(self, name: str, runs: Sequence[Figures]) -> None:
        """Keep the figures of a contestant's runs."""
        for figures in runs:
            for what, figure in figures.items():
                self.samples.setdefault(what, {}).setdefault(name, []).append(figure)

    def lines(self, unit: str, *, lower_is_better: bool = True) -> Iterator[Line]:
        """A line for each thing that was measured."""
        for what, samples in self.samples.items():
            yield Line(what, unit, samples, lower_is_better)


def take_turns(
    contestants: Sequence[Contestant],
    rounds: int,
    freezing: Callable[[], AbstractContextManager[None]] = nullcontext,
    warm_ups: int = 0,
    runs: int = 1,
) -> Turns:
    """Let the contestants take turns of so many runs, `rounds` times, every other time in the opposite order.

    What the first `warm_ups` rounds give is dropped. `freezing` keeps our stack from running meanwhile, for whoever does not
    need it.
    """
    turns = Turns()
    for number in range(warm_ups + rounds):
        in_order = contestants[:: -1 if number % 2 else 1]
        for on_our_stack, group in groupby(in_order, lambda contestant: contestant.on_our_stack):
            with nullcontext() if on_our_stack else freezing():
                for contestant in group:
                    figures = [contestant.run() for _ in range(runs)]
                    turns.add(contestant.name, figures if number >= warm_ups else [])
    return turns
