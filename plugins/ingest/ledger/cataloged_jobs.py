"""Read what a receipt says about a cataloged job, whose rows never change any more. Called by `api.routes.receipts`."""

from collections.abc import Iterator
from functools import partial

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from ingest.ledger.database import transaction
from ingest.ledger.events import EventKind
from ingest.ledger.file_queries import TABLE, FileQuery
from ingest.ledger.jobs import get_job
from ingest.ledger.models import Event, File, IdempotencyKey
from ingest.receipts.content import CatalogedJob, file_line
from ingest.states.job_record import Outcome

# Skipped members have no position: they are not part of the job.
IS_CATALOGED = File.position.is_not(None)
COLUMNS = tuple(TABLE.c[name] for name in ("position", "path", "size", "hash_type", "hash_sum", "file_id"))
FILES = FileQuery(IS_CATALOGED, File.position, COLUMNS)


def read(engine: Engine, job_id: int) -> CatalogedJob | None:
    """Return the facts about a job; None if it is not cataloged. Raises UnknownJob (ReceivedByOriginal)."""
    with transaction(engine) as session:
        job = get_job(session, job_id)
        cataloged = _last_event(session, job_id, EventKind.CATALOGED)
        if job.outcome != Outcome.CATALOGED or cataloged is None:
            return None
        count, size = session.execute(
            select(func.count(), func.coalesce(func.sum(File.size), 0)).where(File.job_id == job_id, IS_CATALOGED)
        ).one()
        return CatalogedJob(
            job_id=job_id,
            kind=job.kind,
            user=job.user,
            received=job.created,
            cataloged=cataloged.at,
            size=job.size,
            sha256=_sha256(session, job_id),
            files=count or 0,
            file_bytes=int(size or 0),
        )


def file_lines(engine: Engine, job_id: int) -> Iterator[str]:
    """Return the JSON of each file, in the order of the metadata; memory is flat."""
    for row in FILES.read(partial(transaction, engine), job_id):
        yield file_line(row.path, row.size, row.hash_type, row.hash_sum, row.file_id)


def _sha256(session: Session, job_id: int) -> bytes | None:
    """Return the digest of what was uploaded, unless an admin has replaced that."""
    if _last_event(session, job_id, EventKind.BUNDLE_REPLACED) is not None:
        return None
    return session.scalar(select(IdempotencyKey.sha256).where(IdempotencyKey.job_id == job_id))


def _last_event(session: Session, job_id: int, kind: EventKind) -> Event | None:
    return session.scalar(
        select(Event).where(Event.job_id == job_id, Event.kind == kind).order_by(Event.id.desc()).limit(1)
    )
