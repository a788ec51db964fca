"""Find out whether the catalog holds a job.

Called by `ingest_metadata` before and after it sends the transaction, and before a job's files are removed. A catalog
continues to process a transaction after the process that sent it has died, for minutes when there are many files. So the
time until which it may do so is committed beforehand, and no file that the transaction names is removed before.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import bindparam, func, select

from ingest.context import StageContext
from ingest.errors.types import CatalogConflict, CatalogRejected, CatalogUnsettled
from ingest.ledger.compiled_statements import CompiledStatement
from ingest.ledger.database import read_clock
from ingest.ledger.files import archived_as
from ingest.ledger.models import Job
from ingest.services.metadata import FileHash

SETTLES = CompiledStatement(select(Job.catalogue_settles).where(Job.id == bindparam("job_id")))


@contextmanager
def pending_transaction(context: StageContext, size: int) -> Iterator[None]:
    """Keep the job's files from removal until a transaction of `size` bytes, sent in the block, is settled or refused."""
    before = _settles(context)
    seconds = context.services.metadata.max_processing_seconds(size)
    context.lease.update_job(catalogue_settles=func.greatest(before, func.now() + timedelta(seconds=seconds)))
    try:
        yield
    except CatalogRejected:
        # The catalog responded: it no longer processes the transaction.
        context.lease.update_job(catalogue_settles=before)
        raise


def check_settled(context: StageContext) -> None:
    """Raise CatalogUnsettled while a transaction that was sent may still appear in a catalog that lacks it."""
    with context.lease.transaction() as session:
        settles = SETTLES.execute(session, job_id=context.lease.job_id).scalar_one()
        now = read_clock(session)
    if settles and settles > now:
        at = settles.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        seconds = (settles - now).total_seconds()
        raise CatalogUnsettled(
            f"the catalog may still be working on transaction {context.lease.job_id}; nothing of it is removed before "
            f"{at}, in {seconds:.0f} seconds"
        )


def is_cataloged(context: StageContext) -> bool:
    """Query the job's transaction, and compare the ids and hashes of its files.

    Raises CatalogConflict when the catalog holds another transaction under the job's id, ServiceUnavailable.
    """
    job_id = context.lease.job_id
    found = context.services.metadata.find(job_id)
    if found is None:
        return False
    for file in archived_as(context.lease):
        if found.pop(file.file_id, None) != FileHash(file.hash_type, file.hash_sum):
            raise CatalogConflict(f"transaction {job_id} of the catalog lacks file {file.file_id}")
    if found:
        raise CatalogConflict(f"transaction {job_id} of the catalog has files that are not the job's")
    return True


def _settles(context: StageContext) -> datetime | None:
    with context.lease.transaction() as session:
        settles: datetime | None = SETTLES.execute(session, job_id=context.lease.job_id).scalar_one()
        return settles
