"""Read the files of a job from the ledger.

Called by the stages, `ingest.archiving` and `ingest.operations`. `ingest.ledger.file_records` writes the rows,
`ingest.ledger.file_states` their states. All reads go in batches, each in a short transaction under the fence, so that a
job of a million files needs about as much memory as one of a thousand.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import ARRAY, Column, ColumnElement, Row, Text, func, literal, select, text, true, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from ingest.bundles.bundle_metadata import ArchivedAs
from ingest.ledger.lease import JobLease
from ingest.ledger.models import File, FileState
from ingest.states.stages import Kind

BATCH = 1000
# Rows are read from the table, not the model: an object for each of a million files takes as long as the query.
TABLE = File.metadata.tables[File.__tablename__]
# PostgreSQL has no statistics about a job that was just recorded, so its planner would sort all files of the job for each
# batch; without bitmap scans and incremental sorts it continues to read the index in order.
READ_IN_INDEX_ORDER = text("SET LOCAL enable_bitmapscan = off; SET LOCAL enable_incremental_sort = off")
NOT_ARCHIVED = (FileState.PENDING, FileState.SENDING, FileState.DELETING)
MAY_BE_STORED = (FileState.SENDING, FileState.DELETING, FileState.ARCHIVED)
Item = TypeVar("Item")


@dataclass(frozen=True)
class LedgerFile:
    """A file of a job that is declared, found in the bundle and has an id; `key` is the id of its row."""

    key: int
    path: str
    offset: int
    file_id: int
    size: int
    hash_type: str
    hash_sum: str
    state: FileState
    source: str


def batches(items: Iterable[Item], size: int = BATCH) -> Iterator[list[Item]]:
    """Split a stream into lists of up to `size` items."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def totals(lease: JobLease, *states: FileState) -> tuple[int, int]:
    """Return the number of the job's files in these states and the sum of their bytes.

    Without states, all files of the job count; skipped members are not part of the job.
    """
    is_counted = File.state.in_(states) if states else File.state != FileState.SKIPPED
    query = select(func.count(), func.coalesce(func.sum(File.size), 0)).where(File.job_id == lease.job_id, is_counted)
    with lease.transaction() as session:
        count, size = session.execute(query).one()
    return int(count or 0), int(size or 0)


def may_be_stored(session: Session, job_id: int) -> bool:
    """Return whether the archive may hold files of a job."""
    stored = select(File.id).where(File.job_id == job_id, File.state.in_(MAY_BE_STORED)).limit(1)
    return session.scalar(stored) is not None


def files_in(lease: JobLease, *states: FileState) -> Iterator[LedgerFile]:
    """Return the job's files in these states, in the order of the metadata, usually also that of the bundle.

    The caller may change the states of the files that it has received: the order stays.
    """
    is_bundle = lease.job.record.kind is Kind.INGEST
    for file in read_rows(lease, File.state.in_(states), File.position):
        yield _ledger_file(file, offset=_known(file.offset) if is_bundle else 0)


def files_with_ids(lease: JobLease) -> Iterator[LedgerFile]:
    """Return every file of the job that has an id, without its offset in the bundle."""
    for file in read_rows(lease, File.file_id.is_not(None)):
        yield _ledger_file(file, offset=0)


def files_to_remove(lease: JobLease) -> Iterator[LedgerFile]:
    """Return every file that the archive may hold, whole or in part; without its offset in the bundle.

    The offset may be unknown, because a stage that restarted has deleted it.
    """
    for file in read_rows(lease, File.state.in_(MAY_BE_STORED)):
        yield _ledger_file(file, offset=0)


def keys_without_id(lease: JobLease) -> tuple[list[int], int]:
    """Return the row ids of the first declared files without a file id, up to a batch.

    With them, return the highest file id of all jobs, 0 if there is none.
    """
    query = (
        select(File.id)
        .where(File.job_id == lease.job_id, File.file_id.is_(None), File.position.is_not(None))
        .order_by(File.position)
        .limit(BATCH)
    )
    with lease.transaction() as session:
        keys = list(session.scalars(query))
        highest = session.scalar(select(func.max(File.file_id))) if keys else None
    return keys, highest or 0


def unlisted_members(lease: JobLease) -> Iterator[Row[Any]]:
    """Return the rows of the bundle's members that the metadata does not list."""
    return read_rows(lease, File.position.is_(None) & File.offset.is_not(None))


def archived_as(lease: JobLease) -> Iterator[ArchivedAs]:
    """Return the values that the ledger adds to each `Files` entry, in the order of the entries."""
    for file in read_rows(lease, File.position.is_not(None), File.position):
        position, file_id = _known(file.position), _known(file.file_id)
        yield ArchivedAs(position, file.path, file_id, file.hash_type or "", file.hash_sum or "")


def ids_by_path(lease: JobLease, paths: Sequence[str]) -> dict[str, int | None]:
    """Return the ids of the files that the metadata lists under these paths; None where a file has no id yet."""
    given = func.unnest(literal(list(paths), ARRAY(Text))).table_valued("path").render_derived(name="given")
    is_listed = (TABLE.c.job_id == lease.job_id) & TABLE.c.position.is_not(None)
    # Compares the digests too, because the index is on them.
    same = (func.md5(TABLE.c.path) == func.md5(given.c.path)) & (TABLE.c.path == given.c.path)
    with lease.transaction() as session:
        session.execute(READ_IN_INDEX_ORDER)
        found = session.execute(select(TABLE.c.path, TABLE.c.file_id).join_from(given, TABLE, same).where(is_listed))
        return dict(iter(found))


def read_rows(
    lease: JobLease, where: ColumnElement[bool], order: InstrumentedAttribute[Any] = File.id
) -> Iterator[Row[Any]]:
    """Return rows of the job's files, read a batch at a time, each batch under the fence."""
    return read_columns(lease.transaction, lease.job_id, TABLE.c, where, order)


def read_columns(
    open_transaction: Callable[[], AbstractContextManager[Session]],
    job_id: int,
    columns: Iterable[Column[Any]],
    where: ColumnElement[bool],
    order: InstrumentedAttribute[Any],
) -> Iterator[Row[Any]]:
    """Return some columns of the job's files, read a batch at a time, each batch in a transaction of its own.

    `order` is one of the columns, with values that are distinct within the job; each batch starts after the last value of
    the batch before.
    """
    selected = select(*columns).where(where).order_by(File.job_id, order).limit(BATCH)
    last: int | None = None
    while True:
        query = selected.where(_is_after(job_id, order, last))
        with open_transaction() as session:
            session.execute(READ_IN_INDEX_ORDER)
            found = session.execute(query).all()
        yield from found
        if len(found) < BATCH:
            return
        last = getattr(found[-1], order.key)


def _is_after(job_id: int, order: InstrumentedAttribute[Any], last: int | None) -> ColumnElement[bool]:
    if order is File.id:
        # Not `job_id = ...`: for a job with many of all files, the planner would then read the primary key from its start.
        return (tuple_(File.job_id, File.id) > (job_id, last or 0)) & (File.job_id <= job_id)
    return (File.job_id == job_id) & (true() if last is None else order > last)


def _ledger_file(file: Row[Any], offset: int) -> LedgerFile:
    return LedgerFile(
        key=file.id,
        path=file.path,
        offset=offset,
        file_id=_known(file.file_id),
        size=_known(file.size),
        hash_type=file.hash_type or "",
        hash_sum=file.hash_sum or "",
        state=FileState(file.state),
        source=file.source or "",
    )


def _known(number: int | None) -> int:
    if number is None:
        raise ValueError("the ledger lacks the id, size or offset of a file: load_metadata has not finished")
    return number
