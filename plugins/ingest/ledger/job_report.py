"""Derive what people see of a job from what the ledger holds: its progress, and its last error with all explanations.

Called by `api.routes.job_json`, which makes JSON of it, and by `ingest.pages`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ingest.errors.advice import advice_on
from ingest.errors.types import JobOverridden
from ingest.ledger.job_details import SENDING, JobDetails
from ingest.ledger.job_list import ListedJob
from ingest.ledger.models import OriginalJob
from ingest.states.job_record import JobRecord, JobState, JobStatus, Outcome, Phase
from ingest.states.job_state import DONE
from ingest.states.stage_history import Attempt, time_worked

# A later end is not estimated.
LONGEST_ESTIMATE = timedelta(days=3650)


@dataclass(frozen=True)
class Progress:
    """How much of a job is archived; `rate` is that of the stage that sends, in bytes a second.

    `files_done` is None if the files were too many to be counted.
    """

    files_done: int | None
    bytes_done: int
    rate: int | None
    estimated_end: datetime | None


@dataclass(frozen=True)
class ExplainedFault:
    """A single fault of an upload."""

    code: str
    text: str
    what_to_do: str


@dataclass(frozen=True)
class ExplainedError:
    """The last error of a job; `who_acts` names uploader, facility, admin or nobody.

    `faults` are those that the uploader must fix, up to 100; `more_faults` counts the others.
    """

    code: str
    message: str
    explanation: str
    who_acts: tuple[str, ...]
    what_to_do: str
    faults: tuple[ExplainedFault, ...]
    more_faults: int


def report_progress(details: JobDetails, phase: Phase) -> Progress:
    """Return how much is archived, and if files are being sent, the rate and when the last one will be archived."""
    snapshot, total = details.job.snapshot, details.job.bytes or 0
    done = bytes_done(snapshot.record, total)
    rate = sending_rate(details.job, details.attempts) if phase is Phase.RUNNING else None
    end = snapshot.seen + _time_for(total - done, rate) if rate else None
    return Progress(details.files_done, done, rate, end)


def sending_rate(job: ListedJob, attempts: Sequence[Attempt]) -> int | None:
    """Return the bytes a second of the stage that sends files; None in any other stage."""
    record = job.snapshot.record
    done = bytes_done(record, job.bytes or 0)
    if record.stage not in SENDING or not done:
        return None
    worked = time_worked(attempts, record.stage, job.snapshot.seen).total_seconds()
    return int(done / worked) or None if worked > 0 else None


def bytes_done(record: JobRecord, total: int) -> int:
    """Return how many of the `total` bytes of a job are archived."""
    if record.is_cataloged or record.finished in SENDING:
        return total
    if record.stage not in SENDING or record.outcome in (Outcome.REJECTING, Outcome.REJECTED):
        return 0
    return int(total * record.percent / DONE)


def explain_error(details: JobDetails, state: JobState) -> ExplainedError | None:
    """Return the last error of a job; None if there is none."""
    code = details.job.error_code
    if code is None:
        return None
    stored = details.error if details.error is not None and code != JobOverridden.code else {}
    advice = advice_on(code)
    return ExplainedError(
        code=code,
        message=error_message(details.job.snapshot.record, state),
        explanation=advice.explanation,
        who_acts=advice.who_acts,
        what_to_do=advice.what_to_do,
        faults=tuple(
            ExplainedFault(fault["code"], fault["text"], advice_on(fault["code"]).what_to_do)
            for fault in stored.get("faults", [])
        ),
        more_faults=stored.get("more_faults", 0),
    )


def error_message(record: JobRecord, state: JobState) -> str:
    """Return the text of an error without its code."""
    if record.is_canceled:
        # The ledger's error may be that of the removal of the job's files.
        return record.cancellation.partition(": ")[2]
    if record.override is not None or record.error is None:
        return state.exception
    return record.error.text.partition(": ")[2]


def original_phase(job: OriginalJob) -> Phase:
    """Return the phase of a job that pacifica-ingest 0.4.1 received."""
    if job.state == JobStatus.FAILED:
        return Phase.FAILED
    return Phase.COMPLETE if job.complete else Phase.WAITING


def _time_for(size: int, rate: int) -> timedelta:
    return timedelta(seconds=min(size / rate, LONGEST_ESTIMATE.total_seconds()))
