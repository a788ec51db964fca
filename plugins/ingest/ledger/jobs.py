"""Job rows, their events and an admin's overrides: what is written of a job while no stage holds it.

Called by the API (receive, report), the command line, housekeeping and retention. What a running stage writes goes through
`ingest.ledger.lease`. Together the two are the only writers of the table `job`.
"""

from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Engine, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ingest.errors.types import JobExists, JobFinished, ReceivedByOriginal
from ingest.ledger import legacy_jobs, uploads
from ingest.ledger.database import transaction
from ingest.ledger.events import EventKind, add_event
from ingest.ledger.models import REMOVED, Job
from ingest.ledger.user_jobs import UNFINISHED
from ingest.states.job_record import JobRecord, JobState, JobStatus, Outcome, StageError
from ingest.states.job_state import first_unfinished
from ingest.states.stages import Kind, Stage

LARGEST_ID = 2**63 - 1


@dataclass(frozen=True)
class Received:
    """What is known of a job when it was received; `size` is in bytes.

    `submitter_claim` is the submitter's id that the user's token held, where the settings need one.
    """

    job_id: int
    kind: Kind
    user: str
    spool_name: str
    size: int
    submitter_claim: str | None = None


@dataclass(frozen=True)
class JobSnapshot:
    """A job as the API and the command line read it; `seen` is when, by the clock of the database, as all its times.

    `run_changes` counts the changes of its run in Airflow: a run that was read under another number is out of date.
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


def run_id(job_id: int) -> str:
    """Give the id that a job's run has in Airflow; one job has one run."""
    return f"job-{job_id}"


def create(engine: Engine, received: Received) -> None:
    """Commit a new job with the file that was announced for it.

    Raises JobExists when its id is taken, UploadAbandoned when the file was given up meanwhile, DatabaseUnavailable.
    """
    row = Job(
        id=received.job_id,
        kind=received.kind,
        user=received.user,
        spool_name=received.spool_name,
        size=received.size,
        submitter_claim=received.submitter_claim,
    )
    try:
        with transaction(engine) as session:
            session.add(row)
            session.flush()
            uploads.claim(session, received.spool_name)
            add_event(session, received.job_id, EventKind.RECEIVED, text=f"{received.size} bytes by {received.user}")
    except IntegrityError as error:
        raise JobExists(f"job {received.job_id} exists already") from error


def read(engine: Engine, job_id: int) -> JobSnapshot:
    """Read a job; raises UnknownJob (ReceivedByOriginal), DatabaseUnavailable."""
    with transaction(engine) as session:
        return to_snapshot(get_job(session, job_id))


def read_several(engine: Engine, job_ids: Collection[int]) -> dict[int, JobSnapshot]:
    """Read those of the jobs that are there, by their ids; raises DatabaseUnavailable."""
    possible = [job_id for job_id in job_ids if is_valid_id(job_id)]
    with transaction(engine) as session:
        return {job.id: to_snapshot(job) for job in session.scalars(select(Job).where(Job.id.in_(possible)))}


def mark_triggered(engine: Engine, job_id: int, *, made: bool = True) -> None:
    """Record that Airflow holds the job's run; `made` when it was not there before."""
    is_first = (
        update(Job).where(Job.id == job_id, Job.triggered.is_(None)).values(triggered=func.now()).returning(Job.id)
    )
    with transaction(engine) as session:
        if session.scalar(is_first) is not None or made:
            _count_run_change(session, job_id)
            add_event(session, job_id, EventKind.TRIGGERED)


def record_deleted_run(engine: Engine, job_id: int, text: str) -> None:
    """Record that the run in Airflow with the job's id was deleted, and why."""
    with transaction(engine) as session:
        _count_run_change(session, job_id)
        add_event(session, job_id, EventKind.RUN_DELETED, text=text)


def count_run_change(engine: Engine, job_id: int) -> None:
    """Record that the job's run was changed in Airflow, so that no process answers what it read of the run before.

    Call it after the change: a run that was read before the change then has a number that no poll looks for any more. A
    process that dies in between has promised nothing yet, and what was read of the run is read again within seconds.
    """
    with transaction(engine) as session:
        job = get_job(session, job_id, for_update=True)
        job.run_changes += 1
        # A poll may have kept it between the lift of an override and the change.
        if job.last_state and job.last_state["state"] == JobStatus.FAILED:
            job.last_state = None


def keep_last_state(engine: Engine, seen: JobSnapshot, state: JobState) -> None:
    """Keep the state that was answered, for the time when Airflow does not answer or has forgotten the run.

    Not when the job or its run has changed since it was seen; and a poll does not wait for a stage that is writing to it.
    """
    same = select(Job.id).where(
        Job.id == seen.received.job_id, Job.updated == seen.updated, Job.run_changes == seen.run_changes
    )
    with transaction(engine) as session:
        unchanged = same.with_for_update(skip_locked=True).scalar_subquery()
        session.execute(update(Job).where(Job.id == unchanged).values(last_state=asdict(state)))


def override(engine: Engine, job_id: int, state: JobState) -> JobSnapshot:
    """Set a job's state by an admin's hand; when it is FAILED the running stage loses its fence and stops.

    Raises UnknownJob, JobFinished.
    """
    with transaction(engine) as session:
        job = _unfinished_job(session, job_id)
        job.override = asdict(state)
        job.fence += state.state == JobStatus.FAILED
        job.updated = func.now()
        add_event(session, job_id, EventKind.OVERRIDE, text=f"{state.state} {state.task}: {state.exception}")
        session.flush()
        session.refresh(job)
        return to_snapshot(job)


def lift_override(engine: Engine, job_id: int) -> JobSnapshot:
    """Let a job go on that an admin had stopped, and forget how often it was cleared.

    Whoever was about to remove what is left of it loses the fence. Raises UnknownJob, JobFinished.
    """
    with transaction(engine) as session:
        job = _unfinished_job(session, job_id)
        job.override = None
        job.fence += 1
        job.last_state = None
        if job.error:
            # Whoever dies before the run is cleared leaves a job that housekeeping takes for lost, and clears.
            job.error = {**job.error, "final": False}
        job.clears = 0
        job.run_changes += 1
        job.updated = func.now()
        add_event(session, job_id, EventKind.RETRY, text="by an admin")
        session.flush()
        session.refresh(job)
        return to_snapshot(job)


def count_clear(engine: Engine, job_id: int) -> None:
    """Record that housekeeping has started a run again that Airflow lost."""
    with transaction(engine) as session:
        session.execute(update(Job).where(Job.id == job_id).values(clears=Job.clears + 1, updated=func.now()))
        _count_run_change(session, job_id)
        add_event(session, job_id, EventKind.CLEARED, text="Airflow lost the run; housekeeping has started it again")


def give_up(engine: Engine, seen: JobSnapshot, code: str, text: str, detail: str = "") -> None:
    """Record that housekeeping does not start a job's run again; not when the job made progress since it was seen.

    A process that still works on the job loses the fence: nothing of it may count after the job was shown as failed. The
    detail is for admins: it is in the event only.
    """
    stage = first_unfinished(seen.record)
    with transaction(engine) as session:
        job = get_job(session, seen.received.job_id, for_update=True)
        if job.updated == seen.updated:
            job.error = {"stage": stage, "code": code, "text": text, "final": True, "attempt": 0}
            job.fence += 1
            job.updated = func.now()
            add_event(
                session, job.id, EventKind.STAGE_FAILED, stage, code=code, text=f"{text} ({detail})" if detail else text
            )


def unfinished(engine: Engine, after: int, limit: int) -> list[JobSnapshot]:
    """Give up to `limit` jobs with ids above `after` that nobody has ended, in order of their ids."""
    open_jobs = select(Job).where(Job.id > after, *UNFINISHED).order_by(Job.id).limit(limit)
    with transaction(engine) as session:
        return [to_snapshot(job) for job in session.scalars(open_jobs)]


def with_bundle(engine: Engine, *conditions: ColumnElement[bool]) -> Iterator[int]:
    """Give the ids of the jobs whose bundle is in the spool and that meet the conditions, in order, each read anew."""
    last = -1
    query = select(func.min(Job.id)).where(Job.spool_name != REMOVED, *conditions)
    while True:
        with transaction(engine) as session:
            found = session.scalar(query.where(Job.id > last))
        if found is None:
            return
        yield found
        last = found


def forget_bundle(session: Session, job_id: int, text: str) -> None:
    """Record that a job's bundle is gone: no stage can begin any more, and the first one says so."""
    job = get_job(session, job_id)
    job.spool_name, job.finished, job.holder = REMOVED, None, None
    add_event(session, job_id, EventKind.BUNDLE_REMOVED, text=text)


def _count_run_change(session: Session, job_id: int) -> None:
    session.execute(update(Job).where(Job.id == job_id).values(run_changes=Job.run_changes + 1))


def get_job(session: Session, job_id: int, *, for_update: bool = False) -> Job:
    """Load a job's row, locked if asked for; raises UnknownJob, as ReceivedByOriginal when the original has the job."""
    if is_valid_id(job_id):
        job = session.get(Job, job_id, with_for_update=True if for_update else None)
        if job is not None:
            return job
        if legacy_jobs.holds(session, job_id):
            raise ReceivedByOriginal(job_id)
    raise legacy_jobs.unknown(job_id)


def is_valid_id(job_id: int) -> bool:
    """Whether a job may have this id."""
    return 0 <= job_id <= LARGEST_ID


def _unfinished_job(session: Session, job_id: int) -> Job:
    job = get_job(session, job_id, for_update=True)
    if job.outcome == Outcome.CATALOGED:
        raise JobFinished(f"job {job_id} is catalogued; its state cannot be changed any more")
    return job


def to_snapshot(job: Job) -> JobSnapshot:
    """Give a row as the typed value that the rest of the code reads."""
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
        clears=job.clears,
        last=JobState.from_stored(job.last_state) if job.last_state else None,
    )
    received = Received(job.id, kind, job.user, job.spool_name, job.size, job.submitter_claim)
    return JobSnapshot(received, record, job.created, job.updated, job.triggered, job.seen, job.run_changes)


def _stage_error(error: dict[str, Any]) -> StageError:
    return StageError(Stage(error["stage"]), f"{error['code']}: {error['text']}", error["final"])
