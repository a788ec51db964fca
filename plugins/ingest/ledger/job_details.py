"""Read what the ledger holds about one job beside its state: attempts of its stages, archived files, details of its error.

Called by `api.routes.jobs` for `GET /jobs/N`, and by the pages.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Engine, Row, func, select
from sqlalchemy.orm import Session

from ingest.ledger.database import transaction
from ingest.ledger.events import EventKind
from ingest.ledger.job_list import ListedJob, to_listed
from ingest.ledger.jobs import get_job
from ingest.ledger.models import Event, File, FileState
from ingest.states.stage_history import Attempt
from ingest.states.stages import Stage

ENDS = (EventKind.STAGE_FINISHED, EventKind.STAGE_FAILED, EventKind.STAGE_WILL_BE_RETRIED)
# The stages that send files. Before them no file of a job is archived, and after them all are.
SENDING = (Stage.INGEST_FILES, Stage.MOVE_FILES)


@dataclass(frozen=True)
class JobDetails:
    """The details of a job; `error` is the ledger's document about its last error.

    `files_done` is None if the files were too many to be counted.
    """

    job: ListedJob
    attempts: tuple[Attempt, ...]
    files_done: int | None
    error: dict[str, Any] | None


def read(engine: Engine, job_id: int, most_counted: int | None = None) -> JobDetails:
    """Read the details of a job; raises UnknownJob (ReceivedByOriginal), DatabaseUnavailable.

    Archived files are not counted if the job has more files than `most_counted`.
    """
    with transaction(engine) as session:
        job = get_job(session, job_id)
        listed = to_listed(job)
        attempts = _attempts(session, [job_id])[job_id]
        return JobDetails(listed, attempts, _files_done(session, listed, most_counted), job.error)


def read_attempts(engine: Engine, job_ids: Collection[int]) -> Mapping[int, tuple[Attempt, ...]]:
    """Read the attempts of some jobs, by their ids; raises DatabaseUnavailable."""
    if not job_ids:
        return {}
    with transaction(engine) as session:
        return _attempts(session, job_ids)


def _attempts(session: Session, job_ids: Collection[int]) -> Mapping[int, tuple[Attempt, ...]]:
    kinds = (EventKind.STAGE_STARTED, *ENDS)
    query = select(Event.job_id, Event.kind, Event.stage, Event.attempt, Event.at).where(
        Event.job_id.in_(job_ids), Event.kind.in_(kinds)
    )
    events: dict[int, list[Row[*tuple[Any, ...]]]] = {job_id: [] for job_id in job_ids}
    for event in session.execute(query.order_by(Event.id)):
        events[event.job_id].append(event)
    return {job_id: tuple(_to_attempts(found)) for job_id, found in events.items()}


def _to_attempts(events: Iterable[Row[*tuple[Any, ...]]]) -> list[Attempt]:
    attempts: list[Attempt] = []
    for event in events:
        if event.kind == EventKind.STAGE_STARTED:
            attempts.append(Attempt(Stage(event.stage), event.attempt or 0, event.at))
        elif attempts and attempts[-1].ended is None and attempts[-1].stage == event.stage:
            # The end of an older process of the job is ignored: a newer one has started since.
            attempts[-1] = replace(attempts[-1], ended=event.at)
    return attempts


def _files_done(session: Session, job: ListedJob, most_counted: int | None) -> int | None:
    """Return the number of archived files. They are counted only while files are sent or were sent in part."""
    record = job.snapshot.record
    if record.is_cataloged:
        return job.files or 0
    if record.stage in SENDING or record.finished in SENDING:
        if most_counted is not None and (job.files or 0) > most_counted:
            return None
        is_archived = File.state == FileState.ARCHIVED
        query = select(func.count()).where(File.job_id == job.snapshot.received.job_id, is_archived)
        return session.scalar(query) or 0
    return 0
