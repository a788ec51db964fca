"""Read everything that the ledger holds about a job id: the job, its files by state, and its events in order.

Called by the command line (`show`). The result is a JSON document with times in UTC.
"""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from ingest.ledger import legacy_jobs
from ingest.ledger.database import transaction
from ingest.ledger.events import EventKind
from ingest.ledger.job_snapshots import run_id
from ingest.ledger.jobs import is_valid_id
from ingest.ledger.models import Event, File, Job, OriginalJob, Upload

Document = dict[str, Any]


def read(engine: Engine, job_id: int) -> Document:
    """Return the document; raises UnknownJob, DatabaseUnavailable.

    `job` is None for an upload that never became a job; `uploads` are files that are being received or removed; `original`
    is the last state of a job that pacifica-ingest 0.4.1 received.
    """
    with transaction(engine) as session:
        document = _read(session, job_id) if is_valid_id(job_id) else {}
    if not any(document.get(part) for part in ("job", "original", "uploads", "events")):
        raise legacy_jobs.unknown(job_id)
    return {"job_id": job_id, **document}


def _read(session: Session, job_id: int) -> Document:
    events = list(session.scalars(select(Event).where(Event.job_id == job_id).order_by(Event.id)))
    job, original = session.get(Job, job_id), session.get(OriginalJob, job_id)
    return {
        "job": _job(job, events) if job else None,
        "original": _columns(original, "state", "task", "task_percent", "exception", "complete") if original else None,
        "uploads": [
            {**_columns(upload, "spool_name", "size"), "started": _time(upload.started)}
            for upload in session.scalars(select(Upload).where(Upload.job_id == job_id))
        ],
        "files": _files(session, job_id),
        "events": [
            {"at": _time(event.at), **_columns(event, "stage", "attempt", "kind", "code", "text")} for event in events
        ],
    }


def _job(job: Job, events: list[Event]) -> Document:
    times = {name: _time(getattr(job, name)) for name in ("created", "updated", "triggered")}
    progress = _columns(
        job, "stage", "percent", "finished", "outcome", "override", "error", "waiting", "clears", "holder",
        "skipped_members",
    )  # fmt: skip
    tries = Counter(event.stage for event in events if event.kind == EventKind.STAGE_STARTED)
    received = _columns(job, "kind", "user", "submitter_claim", "size")
    return {
        **received,
        **times,
        "run_id": run_id(job.id),
        "trace_id": job.traceparent.split("-")[1] if job.traceparent else None,
        "spool_name": job.spool_name or None,
        **progress,
        "tries": tries,
    }


def _files(session: Session, job_id: int) -> dict[str, dict[str, int]]:
    # The metadata may not have been read yet, or may not list the file.
    size = func.coalesce(File.size, File.found_size)
    query = select(File.state, func.count(), func.sum(size)).where(File.job_id == job_id).group_by(File.state)
    return {state: {"files": count, "bytes": int(size or 0)} for state, count, size in session.execute(query)}


def _columns(row: Job | Event | Upload | OriginalJob, *names: str) -> Document:
    return {name: getattr(row, name) for name in names}


def _time(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(" ", "milliseconds")[: len("YYYY-MM-DD HH:MM:SS.mmm")] if moment else None
