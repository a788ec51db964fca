"""Read the files of a job from the ledger.

Called by the stages, `ingest.archiving` and `ingest.operations`. `ingest.ledger.file_records` writes the rows,
`ingest.ledger.file_states` their states. All reads go in batches, each in a short transaction under the fence, so that a
job of a million files needs about as much memory as one of a thousand.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import ARRAY, ColumnElement, Row, Text, any_, bindparam, func, or_, select
from sqlalchemy.orm import Session

from ingest.bundles.bundle_metadata import ArchivedAs
from ingest.ledger.compiled_statements import CompiledStatement
from ingest.ledger.file_queries import BATCH, READ_IN_INDEX_ORDER, TABLE, FileQuery
from ingest.ledger.lease import JobLease
from ingest.ledger.models import File, FileState
from ingest.states.stages import Kind

NOT_ARCHIVED = (FileState.PENDING, FileState.SENDING, FileState.DELETING)
MAY_BE_STORED = (FileState.SENDING, FileState.DELETING, FileState.ARCHIVED)
Item = TypeVar("Item")

_OF_JOB = File.job_id == bindparam("job_id")
_IN_STATES = File.state == any_(bindparam("states", type_=ARRAY(Text)))
# The columns of a `LedgerFile`, and those that complete an entry of the metadata.
_FILE_COLUMNS = [
    TABLE.c[name]
    for name in ("id", "position", "path", "offset", "file_id", "size", "hash_type", "hash_sum", "state", "source")
]
_ARCHIVED_AS_COLUMNS = [TABLE.c[name] for name in ("position", "path", "file_id", "hash_type", "hash_sum")]
_ALL_FILES, _FILES_IN_STATES = FileQuery(File.file_id.is_not(None)), FileQuery(_IN_STATES, File.position, _FILE_COLUMNS)
_STORED_FILES = FileQuery(or_(*(File.state == state for state in MAY_BE_STORED)))
_UNLISTED_MEMBERS = FileQuery(File.position.is_(None) & File.offset.is_not(None))
_DECLARED_FILES = FileQuery(File.position.is_not(None), File.position, _ARCHIVED_AS_COLUMNS)
_HIGHEST_ID = CompiledStatement(select(func.max(File.file_id)))
_FILES_WITHOUT_ID = FileQuery(
    File.file_id.is_(None) & File.position.is_not(None), File.position, [TABLE.c.id, TABLE.c.position]
)


def _count(is_counted: ColumnElement[bool]) -> CompiledStatement:
    return CompiledStatement(select(func.count(), func.coalesce(func.sum(File.size), 0)).where(_OF_JOB, is_counted))


_TOTALS, _TOTALS_IN_STATES = _count(File.state != FileState.SKIPPED), _count(_IN_STATES)


def _select_ids() -> CompiledStatement:
    given = func.unnest(bindparam("paths", type_=ARRAY(Text))).table_valued("path").render_derived(name="given")
    is_listed = (TABLE.c.job_id == bindparam("job_id")) & TABLE.c.position.is_not(None)
    # Compares the digests too, because the index is on them.
    same = (func.md5(TABLE.c.path) == func.md5(given.c.path)) & (TABLE.c.path == given.c.path)
    return CompiledStatement(select(TABLE.c.path, TABLE.c.file_id).join_from(given, TABLE, same).where(is_listed))


_IDS_BY_PATH = _select_ids()


@dataclass(frozen=True)
class LedgerFile:
    """A file of a job that is declared, found in the bundle and has an id; `key` is the id of its row.

    `offset` is 0 where it is not known, or where the job has no bundle: no contents begin there in a tar.
    """

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
    query, given = (_TOTALS_IN_STATES, {"states": _values(states)}) if states else (_TOTALS, {})
    with lease.transaction() as session:
        count, size = query.execute(session, job_id=lease.job_id, **given).one()
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
    for file in _FILES_IN_STATES.read(lease.transaction, lease.job_id, states=_values(states)):
        yield _ledger_file(file, offset=_known(file.offset) if is_bundle else 0)


def files_with_ids(lease: JobLease) -> Iterator[LedgerFile]:
    """Return every file of the job that has an id, without its offset in the bundle."""
    for file in _ALL_FILES.read(lease.transaction, lease.job_id):
        yield _ledger_file(file, offset=0)


def files_to_remove(lease: JobLease) -> Iterator[LedgerFile]:
    """Return every file that the archive may hold, whole or in part.

    Its offset in the bundle may be unknown, because a stage that restarted has deleted it.
    """
    for file in _STORED_FILES.read(lease.transaction, lease.job_id):
        yield _ledger_file(file, offset=file.offset or 0)


def keys_without_id(lease: JobLease) -> Iterator[int]:
    """Return the row ids of the declared files without a file id, in the order of the metadata.

    The caller may assign ids to the files that it has received.
    """
    for file in _FILES_WITHOUT_ID.read(lease.transaction, lease.job_id):
        yield file.id


def highest_file_id(lease: JobLease) -> int:
    """Return the highest file id of all jobs, 0 if there is none."""
    with lease.transaction() as session:
        return int(_HIGHEST_ID.execute(session).scalar() or 0)


def unlisted_members(lease: JobLease) -> Iterator[Row[Any]]:
    """Return the rows of the bundle's members that the metadata does not list."""
    return _UNLISTED_MEMBERS.read(lease.transaction, lease.job_id)


def archived_as(lease: JobLease) -> Iterator[ArchivedAs]:
    """Return the values that the ledger adds to each `Files` entry, in the order of the entries."""
    for file in _DECLARED_FILES.read(lease.transaction, lease.job_id):
        position, file_id = _known(file.position), _known(file.file_id)
        yield ArchivedAs(position, file.path, file_id, file.hash_type or "", file.hash_sum or "")


def ids_by_path(lease: JobLease, paths: Sequence[str]) -> dict[str, int | None]:
    """Return the ids of the files that the metadata lists under these paths; None where a file has no id yet."""
    with lease.transaction() as session:
        READ_IN_INDEX_ORDER.execute(session)
        found = _IDS_BY_PATH.execute(session, job_id=lease.job_id, paths=list(paths))
        return {path: file_id for path, file_id in found}  # noqa: C416 - a Row is not a tuple of two


def _values(states: Iterable[FileState]) -> list[str]:
    return [state.value for state in states]


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
