"""Metrics that are read from the ledger: the same from every process and host, and right after a restart.

The ledger is read at most once a second, on a connection of its own, so that no upload waits for a scrape.
"""

import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from sqlalchemy import Engine

from api.metrics.event_metrics import counters, durations
from api.metrics.families import gauge
from ingest.errors.types import DatabaseUnavailable
from ingest.ledger.events import EventKind
from ingest.ledger.metrics import LedgerMetrics, read_metrics
from ingest.states.job_record import Phase

logger = logging.getLogger(__name__)

LIFETIME_SECONDS = 1.0


class LedgerCollector(Collector):
    """The metrics of the ledger; without them while it is unavailable."""

    def __init__(self, engine: Engine) -> None:
        """`engine` has short time limits."""
        self._engine = engine
        self._lock = threading.Lock()
        self._read_at = -math.inf
        self._last: LedgerMetrics | None = None

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics; called for each scrape."""
        ledger = self._read()
        yield gauge("ledger_up", "Whether the database of jobs can be read.", (), {(): ledger is not None})
        if ledger is not None:
            yield from _families(ledger)

    def _read(self) -> LedgerMetrics | None:
        with self._lock:
            if time.monotonic() - self._read_at > LIFETIME_SECONDS:
                try:
                    self._last = read_metrics(self._engine)
                except DatabaseUnavailable as error:
                    logger.warning("no metrics of the ledger: %s", error)
                    self._last = None
                self._read_at = time.monotonic()
            return self._last


def _families(ledger: LedgerMetrics) -> Iterator[Metric]:
    yield from _jobs(ledger)
    yield from _queues(ledger)
    yield from counters(ledger.events)
    yield from durations(ledger)
    counted = {} if ledger.last_counted is None else {(): ledger.last_counted.timestamp()}
    yield gauge(
        "housekeeping_last_run_timestamp_seconds", "When housekeeping last counted events (Unix time).", (), counted
    )
    yield gauge("uploads_in_progress", "Files in the spool that are no jobs yet.", (), {(): ledger.uploads})
    waiting = {(each.name,): each.waiting for each in ledger.webhooks}
    yield gauge("webhook_notifications_waiting", "Notifications that wait for a webhook.", ("webhook",), waiting)
    failing = {(each.name,): each.is_failing for each in ledger.webhooks}
    yield gauge("webhook_failing", "Whether the last try failed, or the webhook is disabled.", ("webhook",), failing)


def _jobs(ledger: LedgerMetrics) -> Iterator[Metric]:
    values: Counter[tuple[str, ...]] = Counter()
    for jobs in ledger.open_jobs:
        values[jobs.kind, jobs.phase, ""] += jobs.count
    for failed in ledger.failed_jobs:
        values[failed.kind, Phase.FAILED, failed.code] += failed.count
    for total in ledger.events:
        if total.event == EventKind.CATALOGED:
            values[total.kind, Phase.COMPLETE, ""] += total.count
    yield gauge(
        "jobs", "Jobs by state, and those that failed by the code of their error.", ("kind", "state", "code"), values
    )


def _queues(ledger: LedgerMetrics) -> Iterator[Metric]:
    yield gauge(
        "queue_age_seconds",
        "The time since the oldest job was received that has not started and does not wait for a service.",
        ("kind",),
        _ages(
            ledger, ((each.kind, each.oldest) for each in ledger.open_jobs if not each.is_started and not each.service)
        ),
    )
    waiting = [each for each in ledger.open_jobs if each.service]
    counts: Counter[tuple[str, ...]] = Counter()
    for each in waiting:
        counts[each.service, each.code] += each.count
    yield gauge("jobs_waiting_for_service", "Jobs that wait for a service.", ("service", "code"), counts)
    yield gauge(
        "service_wait_age_seconds",
        "The time since the first of the jobs that wait for a service began to wait.",
        ("service",),
        _ages(ledger, ((each.service, each.waiting_since) for each in waiting)),
    )


def _ages(ledger: LedgerMetrics, begins: Iterable[tuple[str, datetime | None]]) -> dict[tuple[str, ...], float]:
    """Return the seconds since the earliest of the times with each label."""
    ages: dict[tuple[str, ...], float] = {}
    for label, begin in begins:
        if begin is not None:
            ages[(label,)] = max(ages.get((label,), 0.0), (ledger.at - begin).total_seconds())
    return ages
