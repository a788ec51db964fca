"""A job's row as the typed, immutable value that other modules read.

Created by `ingest.ledger.jobs` and `ingest.ledger.lease`.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from ingest.errors.types import JobCanceled
from ingest.ledger.models import Job
from ingest.states.job_record import JobRecord, JobState, Outcome, StageError
from ingest.states.stages import Kind, Stage
from ingest.states.waiting import Waiting

# What a snapshot needs of a row. Reading these instead of a `Job` skips the ORM's objects, which cost more than the query.
COLUMNS = (
    Job.id,
    Job.kind,
    Job.user.label("user"),
    Job.submitter_claim,
    Job.traceparent,
    Job.spool_name,
    Job.size,
    Job.created,
    Job.updated,
    Job.triggered,
    Job.holder,
    Job.stage,
    Job.percent,
    Job.finished,
    Job.outcome,
    Job.error,
    Job.waiting,
    Job.rejection,
    Job.override,
    Job.clears,
    Job.last_state,
    Job.run_changes,
    Job.seen.label("seen"),
)
RUN_ID = re.compile(r"job-([1-9][0-9]{0,18})")


@dataclass(frozen=True)
class Received:
    """The facts about a job that are known when it is received; `size` is in bytes.

    `submitter_claim` is the submitter's id in the user's token, where the settings require one. `traceparent` is the span of
    the request, if traces are on.
    """

    job_id: int
    kind: Kind
    user: str
    spool_name: str
    size: int
    submitter_claim: str | None = None
    traceparent: str | None = None


@dataclass(frozen=True)
class JobSnapshot:
    """A job as the ledger held it at the time `seen`; all times are by the database's clock.

    `run_changes` counts the changes of the job's run in Airflow: a run that was read under another number is outdated.
    """

    received: Received
    record: JobRecord
    created: datetime
    updated: datetime
    triggered: datetime | None
    seen: datetime = field(compare=False)
    run_changes: int = 0

    @property
    def run_id(self) -> str:
        """The id of the job's run in Airflow."""
        return run_id(self.received.job_id)

    @property
    def is_due(self) -> bool:
        """Whether the job waits for its next attempt and the time of that attempt has come."""
        waiting = self.record.waiting
        return self.record.is_waiting and waiting is not None and waiting.next_attempt_at <= self.seen

    @property
    def is_wait_over(self) -> bool:
        """Whether the next failed attempt ends a job that waits."""
        waiting = self.record.waiting
        return waiting is not None and waiting.retry_until is not None and waiting.retry_until <= self.seen


def run_id(job_id: int) -> str:
    """Return the id of a job's run in Airflow; each job has one run."""
    return f"job-{job_id}"


def job_of_run(run_id: str) -> int | None:
    """Return the id of the job whose run has this id; None for any other run."""
    found = RUN_ID.fullmatch(run_id)
    return int(found[1]) if found else None


def to_snapshot(job: Job | Row[Any]) -> JobSnapshot:
    """Convert a row, or the COLUMNS of one, to a snapshot."""
    kind = Kind(job.kind)
    record = JobRecord(
        kind=kind,
        outcome=Outcome(job.outcome) if job.outcome else None,
        override=JobState.from_stored(job.override) if job.override else None,
        stage=Stage(job.stage) if job.stage else None,
        percent=job.percent,
        is_held=job.holder is not None,
        finished=Stage(job.finished) if job.finished else None,
        error=_stage_error(job.error) if job.error else None,
        waiting=Waiting.from_stored(job.waiting) if job.waiting else None,
        clears=job.clears,
        last=JobState.from_stored(job.last_state) if job.last_state else None,
        cancellation=_cancellation(job.rejection) if job.rejection else "",
    )
    received = Received(job.id, kind, job.user, job.spool_name, job.size, job.submitter_claim, job.traceparent)
    return JobSnapshot(received, record, job.created, job.updated, job.triggered, job.seen, job.run_changes)


def _stage_error(error: dict[str, Any]) -> StageError:
    return StageError(Stage(error["stage"]), f"{error['code']}: {error['text']}", error["final"])


def _cancellation(rejection: dict[str, Any]) -> str:
    return f"{rejection['code']}: {rejection['text']}" if rejection["code"] == JobCanceled.code else ""
