"""The span of an attempt of a stage, in the trace of the request that the job began with. Opened by `run_stage`."""

from collections.abc import Iterator
from contextlib import contextmanager

from ingest.errors.types import FenceLost, Rejection, TransientError
from ingest.ledger.lease import JobLease
from ingest.system.tracing import JOB, Attributes, annotate, open_span

OUTCOME = "ingest.outcome"


@contextmanager
def attempt_span(lease: JobLease) -> Iterator[None]:
    """Open the span, and record how the attempt ends; an attempt that is killed leaves no span."""
    attributes: Attributes = {JOB: lease.job_id, "ingest.stage": str(lease.stage), "ingest.attempt": lease.attempt}
    with open_span("CONSUMER", str(lease.stage), [lease.job.received.traceparent], attributes):
        try:
            yield
        except BaseException as error:
            annotate({OUTCOME: _outcome(error)})
            raise
        annotate({OUTCOME: "finished"})


def _outcome(error: BaseException) -> str:
    if isinstance(error, FenceLost):
        return "superseded"
    if isinstance(error, Rejection):
        return "rejected"
    is_waiting = isinstance(error, TransientError) and error.next_attempt_seconds is not None
    return "waiting" if is_waiting else "failed"
