"""Asking the catalogue whether it holds a job.

Called by `ingest_metadata` before and after it sends the transaction, and by whatever is about to remove the job's files. A
catalogue goes on working on what it was sent after the process that sent it has died, for minutes when there are many files.
So it is committed beforehand how long that may take, and nothing that the transaction names is removed before.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select

from ingest.context import StageContext
from ingest.errors.types import CatalogConflict, CatalogRejected, CatalogUnsettled
from ingest.ledger.files import archived_as
from ingest.ledger.models import Job
from ingest.services.metadata import FileHash


@contextmanager
def pending_transaction(context: StageContext, size: int) -> Iterator[None]:
    """Send a transaction of `size` bytes in this block: until it is settled nothing is removed, unless it is refused."""
    before = _settles(context)
    seconds = context.services.metadata.max_processing_seconds(size)
    context.lease.update_job(catalogue_settles=func.greatest(before, func.now() + timedelta(seconds=seconds)))
    try:
        yield
    except CatalogRejected:
        # It was answered, and is over.
        context.lease.update_job(catalogue_settles=before)
        raise


def check_settled(context: StageContext) -> None:
    """Raise CatalogUnsettled while a transaction that was sent may still appear in a catalogue that lacks it."""
    with context.lease.transaction() as session:
        settles = session.get_one(Job, context.lease.job_id).catalogue_settles
        now = session.scalar(select(func.clock_timestamp()))
    if settles and now and settles > now:
        at = settles.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        seconds = (settles - now).total_seconds()
        raise CatalogUnsettled(
            f"the catalogue may still be working on transaction {context.lease.job_id}; nothing of it is removed before "
            f"{at}, in {seconds:.0f} seconds"
        )


def _settles(context: StageContext) -> datetime | None:
    with context.lease.transaction() as session:
        return session.get_one(Job, context.lease.job_id).catalogue_settles


def is_cataloged(context: StageContext) -> bool:
    """Ask for the job's transaction, and compare ids and hashes.

    Raises CatalogConflict when the catalogue holds another one under the job's id, ServiceUnavailable.
    """
    job_id = context.lease.job_id
    found = context.services.metadata.find(job_id)
    if found is None:
        return False
    for file in archived_as(context.lease):
        if found.pop(file.file_id, None) != FileHash(file.hash_type, file.hash_sum):
            raise CatalogConflict(f"transaction {job_id} of the catalogue lacks file {file.file_id}")
    if found:
        raise CatalogConflict(f"transaction {job_id} of the catalogue has files that are not the job's")
    return True
