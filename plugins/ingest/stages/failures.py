"""Records how an attempt failed, and decides what follows: the end of the job, or a wait until the next attempt.

Called by the wrapper of the stages. The delay of a wait is decided here, once: the ledger holds it for clients and for
housekeeping, and the error carries it to the retry policy of the DAGs.
"""

from datetime import timedelta

from ingest.errors.types import (
    INTERNAL_ERROR,
    DatabaseUnavailable,
    IngestError,
    PermanentError,
    RejectionUnfinished,
    StageTerminated,
    TransientError,
)
from ingest.ledger.database import first_line
from ingest.ledger.lease import JobLease
from ingest.settings.loading import DagSettings
from ingest.states.waiting import Cause, Waiting, delay_after
from ingest.system.sanitize import to_one_line

# Waits that no time-out ends: the job could not be shown as FAILED, or its files would stay in the archive.
ENDLESS = (DatabaseUnavailable, RejectionUnfinished)


def record_error(lease: JobLease, error: IngestError, settings: DagSettings, *, last_try: bool) -> None:
    """Commit why a stage failed; `last_try` ends the job unless the error is a wait or the end of the process."""
    if isinstance(error, TransientError) and not isinstance(error, StageTerminated):
        _wait(lease, error, settings)
    else:
        final = isinstance(error, PermanentError) or (last_try and not isinstance(error, StageTerminated))
        # An outage lasts on while a worker is restarted.
        waiting = lease.job.record.waiting if isinstance(error, StageTerminated) else None
        lease.fail_stage(error.code, error.text_of_job, final=final, details=error.details_of_job, waiting=waiting)


def record_unexpected(lease: JobLease, error: BaseException, *, last_try: bool) -> None:
    """Commit an error that is a defect of this service, or the end of the process."""
    sentence = to_one_line(f"unexpected error in the stage: {type(error).__name__}: {first_line(error)}")
    lease.fail_stage(INTERNAL_ERROR, sentence, final=last_try and isinstance(error, Exception))


def _wait(lease: JobLease, error: TransientError, settings: DagSettings) -> None:
    """Commit that the job waits for its next attempt, or the end of the job if that would start after `retry_for`."""
    cause = Cause(error.service, error.url, error.code, error.reason)
    previous, now = lease.job.record.waiting, lease.read_clock()
    waiting = previous.after_failure(cause, now) if previous else Waiting.begin(cause, now)
    delay = timedelta(seconds=delay_after(waiting.attempt, settings.retry_delay, settings.max_retry_delay))
    retry_until = None if isinstance(error, ENDLESS) else waiting.since + timedelta(seconds=settings.retry_for)
    if retry_until is not None and now + delay > retry_until:
        text = f"{error.text_of_job} ({_waited(waiting)})"
        error.has_given_up = True
        lease.fail_stage(error.code, text, final=True, details=error.details_of_job)
        return
    error.next_attempt_seconds = delay.total_seconds()
    waiting = waiting.until(now + delay, retry_until)
    lease.fail_stage(error.code, error.text_of_job, final=False, details=error.details_of_job, waiting=waiting)


def _waited(waiting: Waiting) -> str:
    attempts = "the attempt failed" if waiting.attempt == 1 else f"all {waiting.attempt} attempts failed"
    return f"{attempts} since {waiting.since:%Y-%m-%d %H:%M UTC}; an admin can retry the job"
