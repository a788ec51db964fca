"""The counters and durations of `api.metrics.ledger_metrics`, from the totals of events and of requests to services."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from prometheus_client.core import Metric

from api.metrics.families import Histogram, counter
from ingest.ledger import event_sums
from ingest.ledger.event_totals import Total
from ingest.ledger.events import EventKind
from ingest.ledger.metrics import LedgerMetrics
from ingest.services import request_counts

FAILURES = {EventKind.STAGE_WILL_BE_RETRIED: "false", EventKind.STAGE_FAILED: "true"}


def counters(events: Sequence[Total]) -> Iterator[Metric]:
    """Yield the counters of events."""
    received, cataloged, refused = EventKind.RECEIVED, EventKind.CATALOGED, EventKind.UPLOAD_REFUSED
    yield counter(
        "events_total", "Events of jobs and uploads.", ("kind", "event"), _sum(events, "count", "kind", "event")
    )
    for name, text, kind, field in (
        ("received_bytes_total", "Bytes of the bundles of received jobs.", received, "bytes"),
        ("archived_files_total", "Files of complete jobs.", cataloged, "files"),
        ("archived_bytes_total", "Bytes of the files of complete jobs.", cataloged, "bytes"),
    ):
        yield counter(name, text, ("kind",), _sum(_of(events, kind), field, "kind"))
    refusals = _sum(_of(events, refused), "count", "code")
    yield counter("refused_uploads_total", "Uploads that never became a job.", ("code",), refusals)
    failures = {
        (*labels, final): count
        for kind, final in FAILURES.items()
        for labels, count in _sum(_of(events, kind), "count", "kind", "stage", "code").items()
    }
    yield counter(
        "stage_failures_total", "Attempts of stages that failed.", ("kind", "stage", "code", "final"), failures
    )


def durations(ledger: LedgerMetrics) -> Iterator[Metric]:
    """Yield the histograms of stages, jobs and requests to services."""
    stages = Histogram(
        "stage_duration_seconds", "Durations of attempts that finished.", ("kind", "stage"), event_sums.BOUNDS
    )
    for each in _of(ledger.events, EventKind.STAGE_FINISHED):
        stages.add((each.kind, each.stage), each.upper_bound, each.count, each.seconds)
    jobs = Histogram("job_duration_seconds", "Times from upload to catalog.", ("kind",), event_sums.BOUNDS)
    for each in _of(ledger.events, EventKind.CATALOGED):
        jobs.add((each.kind,), each.upper_bound, each.count, each.seconds)
    requests = Histogram(
        "stage_request_duration_seconds",
        "Durations of the requests of stages to services, until the head of the answer.",
        ("service", "method", "status"),
        request_counts.BOUNDS,
    )
    for key, found in ledger.requests.items():
        requests.add((key.service, key.method, key.status), key.upper_bound, found.count, found.seconds)
    yield from (stages.family(), jobs.family(), requests.family())


def _of(events: Sequence[Total], kind: EventKind) -> list[Total]:
    return [each for each in events if each.event == kind]


def _sum(events: Iterable[Total], field: str, *labels: str) -> Counter[tuple[str, ...]]:
    """Add up a field of events by other fields."""
    sums: Counter[tuple[str, ...]] = Counter()
    for each in events:
        sums[tuple(getattr(each, label) for label in labels)] += getattr(each, field)
    return sums
