"""Build metrics from values that are read for each scrape. Used by the collectors of `api.metrics`."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

PREFIX = "pacifica_ingest_"
# The values of the labels of one sample.
Labels = TypeVar("Labels", bound=tuple[str, ...])


def gauge(name: str, text: str, labels: Sequence[str], values: Mapping[Labels, float]) -> GaugeMetricFamily:
    """Return a metric that goes up and down."""
    family = GaugeMetricFamily(PREFIX + name, text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


def counter(name: str, text: str, labels: Sequence[str], values: Mapping[Labels, float]) -> CounterMetricFamily:
    """Return a metric that only goes up; its name ends with `_total`."""
    family = CounterMetricFamily(PREFIX + name, text, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family


class Histogram:
    """Durations in seconds, added up by labels and bucket."""

    def __init__(self, name: str, text: str, labels: Sequence[str], bounds: Sequence[float]) -> None:
        """`bounds` are the upper bounds of all buckets, in ascending order."""
        self._family = HistogramMetricFamily(PREFIX + name, text, labels=labels)
        self._bounds = bounds
        self._counts: dict[tuple[str, ...], dict[float, int]] = {}
        self._seconds: dict[tuple[str, ...], list[float]] = {}

    def add(self, labels: tuple[str, ...], upper_bound: float, count: int, seconds: float) -> None:
        """Add durations that are in the bucket with this bound."""
        counts = self._counts.setdefault(labels, {})
        counts[upper_bound] = counts.get(upper_bound, 0) + count
        self._seconds.setdefault(labels, []).append(seconds)

    def family(self) -> HistogramMetricFamily:
        """Return the metric."""
        for labels, counts in self._counts.items():
            # The sum in any order: rounded differently, it could be lower than before.
            self._family.add_metric(labels, list(self._cumulated(counts)), math.fsum(self._seconds[labels]))
        return self._family

    def _cumulated(self, counts: Mapping[float, int]) -> Iterable[tuple[str, float]]:
        # A row that was counted with other bounds is in the next higher one of today.
        for bound in self._bounds:
            yield (
                "+Inf" if bound == math.inf else str(float(bound)),
                sum(count for each, count in counts.items() if each <= bound),
            )
