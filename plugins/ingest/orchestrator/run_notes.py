"""The note of a job's run in Airflow: the sentence of the error with which the job failed; none when the job is complete.

Called by the wrapper of the stages when a job has ended, and by housekeeping for jobs that failed otherwise or whose process
died. Nothing depends on a note: Airflow's UI shows it to operators.
"""

import logging
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import Engine, bindparam, exists, func, or_, select

from ingest.errors.types import IngestError, ServiceUnavailable
from ingest.ledger.compiled_statements import CompiledStatement
from ingest.ledger.database import transaction
from ingest.ledger.events import EventKind
from ingest.ledger.job_predicates import IS_IN_PHASE
from ingest.ledger.job_snapshots import JobSnapshot, to_snapshot
from ingest.ledger.jobs import read_row
from ingest.ledger.models import Event, Job
from ingest.orchestrator.client import AirflowApi
from ingest.orchestrator.inferred_run import infer_state
from ingest.states.job_record import Phase
from ingest.system.failpoints import failpoint

logger = logging.getLogger(__name__)
# Airflow refuses a longer note.
LONGEST_NOTE = 1000
# Housekeeping writes the notes of the jobs that failed within this time: at most so many each time, the newest ones.
RECENT, MOST_NOTES = timedelta(minutes=10), 20
RECEIVED_WITHIN = timedelta(days=7)
# With one of these events, the run of a complete job may have a note.
FAILURES = (EventKind.STAGE_FAILED, EventKind.OVERRIDE, EventKind.RETRY)
_IS_FAILURE = or_(*(Event.kind == kind for kind in FAILURES))
_HAS_FAILED = CompiledStatement(select(exists().where(Event.job_id == bindparam("job_id"), _IS_FAILURE)))


def note_end(engine: Engine, connect: Callable[[], AirflowApi], job_id: int) -> None:
    """Write the note of a job that has failed, or remove that of a complete one; on an error, only log it.

    `connect` is called only if there is a note to write.
    """
    try:
        job = _read_ended(engine, job_id)
        if job is not None:
            failpoint("note.writing", job_id)
            write_note(connect(), job)
            failpoint("note.written", job_id)
    except IngestError as error:
        logger.warning("the run of job %d has an outdated note: %s", job_id, error.text)


def write_recent_notes(engine: Engine, airflow: AirflowApi) -> None:
    """Write the notes of the jobs that failed lately; log it if Airflow does not respond. Raises DatabaseUnavailable."""
    is_recent = (
        IS_IN_PHASE[Phase.FAILED],
        Job.created >= func.now() - RECEIVED_WITHIN,
        Job.updated >= func.now() - RECENT,
        Job.triggered.is_not(None),
    )
    query = select(Job).where(*is_recent).order_by(Job.updated.desc()).limit(MOST_NOTES)
    with transaction(engine) as session:
        failed = [to_snapshot(job) for job in session.scalars(query)]
    try:
        for job in failed:
            write_note(airflow, job)
    except ServiceUnavailable as error:
        logger.warning("notes of runs are outdated: %s", error.text)


def write_note(airflow: AirflowApi, job: JobSnapshot) -> None:
    """Set or remove the note of a job's run, if it has a run and another note. Raises ServiceUnavailable."""
    sentence = infer_state(job).exception if job.record.phase is Phase.FAILED else ""
    shown = sentence if len(sentence) <= LONGEST_NOTE else f"{sentence[: LONGEST_NOTE - 3]}..."
    # A change that changes nothing would fill Airflow's event log.
    if airflow.note(job.received.kind, job.run_id) != (shown or None):
        airflow.set_note(job.received.kind, job.run_id, shown or None)


def _read_ended(engine: Engine, job_id: int) -> JobSnapshot | None:
    """Return a job that has failed, or is complete after a failure; None for any other, whose run needs no other note."""
    with transaction(engine) as session:
        job = to_snapshot(read_row(session, job_id))
        if job.record.phase is Phase.COMPLETE:
            return job if _HAS_FAILED.execute(session, job_id=job_id).scalar() else None
    return job if job.record.phase is Phase.FAILED else None
