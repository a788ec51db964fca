"""The files of a job in the ledger: members found, files declared, and what the archive holds of them.

Called by the stages and by `ingest.archiving.batches`. Everything goes in batches, each a short transaction under the
fence, and each may be repeated: a million files need about the memory of a thousand.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Row,
    Text,
    any_,
    bindparam,
    delete,
    func,
    literal,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import InstrumentedAttribute

from ingest.bundles.alike_names import shown_apart
from ingest.bundles.bundle import Member
from ingest.bundles.bundle_metadata import ArchivedAs, DeclaredFile
from ingest.bundles.names import DATA_FOLDER, folded, folded_digest
from ingest.bundles.unmatched_names import UnmatchedNames
from ingest.errors.fault_codes import FaultCode
from ingest.errors.fault_list import FaultList
from ingest.ledger.lease import JobLease
from ingest.ledger.models import File, Job
from ingest.states.stages import Kind
from ingest.system.sanitize import quote_name

BATCH = 1000
# Rows as tuples: an object for each of a million files takes as long as the query.
TABLE = File.metadata.tables[File.__tablename__]
# Nobody has counted the files of a job that was just recorded: the planner takes them for few, and would sort all of them
# for each batch, instead of reading on in the index.
AS_INDEXED = text("SET LOCAL enable_bitmapscan = off")
Item = TypeVar("Item")


class FileState(StrEnum):
    """What the ledger says of a file and the archive.

    `skipped`: the bundle holds it, its metadata does not list it, and it is no part of the job.

    `sending`: the archive may hold all, a part or nothing of it. `deleting`: the same, and a request to delete it may be
    under way, so nothing is sent under this id any more.
    """

    PENDING = "pending"
    SENDING = "sending"
    DELETING = "deleting"
    ARCHIVED = "archived"
    SKIPPED = "skipped"


NOT_ARCHIVED = (FileState.PENDING, FileState.SENDING, FileState.DELETING)
MAY_BE_STORED = (FileState.SENDING, FileState.DELETING, FileState.ARCHIVED)


@dataclass(frozen=True)
class LedgerFile:
    """A file of a job, complete: declared, found and with its id; `key` is its row."""

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
    """Cut a stream into lists of up to `size`."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def forget_members(lease: JobLease) -> None:
    """Begin anew with what the bundle holds; files that have an id keep it."""
    mine = File.job_id == lease.job_id
    with lease.transaction() as session:
        session.execute(delete(File).where(mine, File.file_id.is_(None)))
        session.execute(update(File).where(mine).values(offset=None, found_size=None))
        lease.begin_anew(session)


def record_members(lease: JobLease, members: Sequence[Member], faults: FaultList) -> None:
    """Record up to a batch of members; one that stands in the tar twice is a fault."""
    rows = [
        {"path": member.path, "folded": folded_digest(member.path), "offset": member.offset, "found_size": member.size}
        for member in members
        if member.path is not None
    ]
    for path in _record(lease, rows, File.offset.is_(None)):
        faults.add(FaultCode.MEMBER_TWICE, f"member {quote_name(path)} stands in the bundle twice")


def forget_declarations(lease: JobLease) -> None:
    """Begin anew with what the metadata declares; files that have an id keep it."""
    mine = File.job_id == lease.job_id
    with lease.transaction() as session:
        session.execute(delete(File).where(mine, File.file_id.is_(None), File.offset.is_(None)))
        session.execute(update(File).where(mine, File.position.is_not(None)).values(position=None))
        skipped = File.state == FileState.SKIPPED
        session.execute(update(File).where(mine, skipped).values(state=FileState.PENDING))
        session.execute(update(Job).where(Job.id == lease.job_id).values(skipped_members=0))
        lease.begin_anew(session)


def record_declarations(lease: JobLease, declared: Sequence[DeclaredFile], faults: FaultList) -> None:
    """Record up to a batch of declared files; one that is declared twice is a fault."""
    names = ("position", "path", "size", "hash_type", "hash_sum", "source")
    rows = [{name: getattr(file, name) for name in names} | {"folded": folded_digest(file.path)} for file in declared]
    for path in _record(lease, rows, File.position.is_(None)):
        faults.add(FaultCode.FILE_LISTED_TWICE, f"file {quote_name(path)} is listed twice in the metadata")


def compare_members(lease: JobLease, faults: FaultList, *, may_be_unlisted: bool) -> None:
    """Compare the bundle's members with the metadata; add each difference to the faults.

    A member that is not listed is a fault unless `may_be_unlisted`.
    """
    differs = File.offset.is_(None) | (File.found_size != File.size)
    unmatched = UnmatchedNames()
    for file in _rows(lease, differs if may_be_unlisted else differs | File.position.is_(None)):
        if file.position is None:
            unmatched.add_member(file.path)
        elif file.offset is None:
            unmatched.add_file(file.path)
        else:
            declared = f"the metadata declares {file.size}"
            faults.add(FaultCode.SIZE_DIFFERS, f"file {quote_name(file.path)} has {file.found_size} bytes, {declared}")
    unmatched.report(faults)


def unlisted_members(lease: JobLease) -> Iterator[Row[Any]]:
    """Return the rows of the members that the metadata does not list."""
    return _rows(lease, File.position.is_(None) & File.offset.is_not(None))


def mark_skipped(lease: JobLease, keys: Sequence[int]) -> None:
    """Commit that up to a batch of members, by the keys of their rows, are no part of the job."""
    with lease.transaction() as session:
        session.execute(update(TABLE).where(_among(keys)).values(state=FileState.SKIPPED))


def compare_sources(lease: JobLease, faults: FaultList) -> None:
    """Find sources of a move that more than one entry names; each is a fault, because it can be moved once."""
    mine = (File.job_id == lease.job_id) & File.position.is_not(None) & File.source.is_not(None)
    query = select(File.source).where(mine).group_by(File.source).having(func.count() > 1).order_by(File.source)
    with lease.transaction() as session:
        for source in session.scalars(query.execution_options(yield_per=BATCH)):
            faults.add(
                FaultCode.SOURCE_LISTED_TWICE, f"source {quote_name(source or '')} is listed twice in the metadata"
            )


def find_ambiguous_paths(lease: JobLease, faults: FaultList) -> None:
    """Find paths that differ only in case or in Unicode form; each group of them is a fault."""
    is_there = File.offset if lease.job.record.kind is Kind.INGEST else File.position
    # Folded here and not by the database: what its lower() does depends on how it was made.
    groups = (
        select(func.min(File.path), func.max(File.path), func.count())
        .where(File.job_id == lease.job_id, is_there.is_not(None))
        .group_by(File.folded)
        .where(File.folded.is_not(None))
        .having(func.count() > 1)
        .execution_options(yield_per=BATCH)
    )
    with lease.transaction() as session:
        for one, other, count in session.execute(groups):
            if folded(one) == folded(other):
                shown = shown_apart(one, other)
                of = f", two of {count}," if count > 2 else ""  # noqa: PLR2004 - a pair needs no count
                faults.add(
                    FaultCode.PATH_AMBIGUOUS, f"paths {shown}{of} differ only in case or in Unicode form; rename one"
                )


def totals(lease: JobLease, *states: FileState) -> tuple[int, int]:
    """Return the number of the job's files in these states (in any, without one) and the sum of their bytes.

    Members that were left out are no files of the job.
    """
    is_counted = File.state.in_(states) if states else File.state != FileState.SKIPPED
    query = select(func.count(), func.coalesce(func.sum(File.size), 0)).where(File.job_id == lease.job_id, is_counted)
    with lease.transaction() as session:
        count, size = session.execute(query).one()
    return int(count or 0), int(size or 0)


def files_in(lease: JobLease, *states: FileState) -> Iterator[LedgerFile]:
    """Give the job's files in these states, in the order of the document, which mostly is that of the bundle.

    What the caller marks on the way does not disturb the order.
    """
    is_bundle = lease.job.record.kind is Kind.INGEST
    for file in _rows(lease, File.state.in_(states), File.position):
        yield _ledger_file(file, offset=_known(file.offset) if is_bundle else 0)


def files_with_ids(lease: JobLease) -> Iterator[LedgerFile]:
    """Give every file of the job that the archive may know of; they cannot be sent, because none has its offset."""
    for file in _rows(lease, File.file_id.is_not(None)):
        yield _ledger_file(file, offset=0)


def files_to_remove(lease: JobLease) -> Iterator[LedgerFile]:
    """Give every file that the archive may hold something of, also where a stage has forgotten its place in the bundle."""
    for file in _rows(lease, File.state.in_(MAY_BE_STORED)):
        yield _ledger_file(file, offset=0)


def mark(lease: JobLease, files: Iterable[LedgerFile], state: FileState, **values: Any) -> None:  # noqa: ANN401
    """Commit the state of files, and other columns with it."""
    with lease.transaction() as session:
        session.execute(update(TABLE).where(_among(file.key for file in files)).values(state=state, **values))


def mark_removed(lease: JobLease, files: Sequence[LedgerFile]) -> None:
    """Commit that the archive holds nothing of up to a batch of files any more, with the event that tells of it."""
    size = sum(file.size for file in files)
    with lease.transaction() as session:
        session.execute(update(TABLE).where(_among(file.key for file in files)).values(state=FileState.PENDING))
        lease.add_event(session, "files_removed", f"all that the archive held of {len(files)} files with {size} bytes")


def archived_as(lease: JobLease) -> Iterator[ArchivedAs]:
    """Give what the ledger adds to each `Files` entry, in the order of the entries."""
    for file in _rows(lease, File.position.is_not(None), File.position):
        position, file_id = _known(file.position), _known(file.file_id)
        yield ArchivedAs(position, file.path, file_id, file.hash_type or "", file.hash_sum or "")


def ids_by_path(lease: JobLease, paths: Sequence[str]) -> dict[str, int | None]:
    """Return the ids of the files that the metadata lists under these paths; None where a file has no id yet."""
    given = func.unnest(literal(list(paths), ARRAY(Text))).table_valued("path").render_derived(name="given")
    is_listed = (TABLE.c.job_id == lease.job_id) & TABLE.c.position.is_not(None)
    # By the digest too, because that is what the index is of.
    same = (func.md5(TABLE.c.path) == func.md5(given.c.path)) & (TABLE.c.path == given.c.path)
    with lease.transaction() as session:
        session.execute(AS_INDEXED)
        found = session.execute(select(TABLE.c.path, TABLE.c.file_id).join_from(given, TABLE, same).where(is_listed))
        return dict(iter(found))


def check_annotated(lease: JobLease, annotated: Iterable[tuple[int, str]], faults: FaultList) -> None:
    """Add each `FileKeyValue` whose path no `Files` entry lists to the faults; `annotated` yields positions and paths."""
    for batch in batches(annotated):
        listed = ids_by_path(lease, [path for _, path in batch])
        for position, path in batch:
            if path not in listed:
                shown = quote_name(f"{DATA_FOLDER}/{path}")
                faults.add(FaultCode.PATH_UNLISTED, f"entry {position} (FileKeyValue): no Files entry lists {shown}")


def _among(keys: Iterable[int]) -> ColumnElement[bool]:
    # As one array, which is read faster than a thousand parameters.
    return TABLE.c.id == any_(literal(list(keys), ARRAY(BigInteger)))


def _rows(
    lease: JobLease, where: ColumnElement[bool], order: InstrumentedAttribute[Any] = File.id
) -> Iterator[Row[Any]]:
    """Give rows a batch at a time, each read in a transaction of its own, going on behind the last one.

    `order` is a column whose values are distinct within the job.
    """
    behind: ColumnElement[bool] = true()
    while True:
        query = select(*TABLE.c).where(File.job_id == lease.job_id, where, behind).order_by(order).limit(BATCH)
        with lease.transaction() as session:
            session.execute(AS_INDEXED)
            found = session.execute(query).all()
        yield from found
        if len(found) < BATCH:
            return
        behind = order > getattr(found[-1], order.key)


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


def _record(lease: JobLease, rows: list[dict[str, Any]], first_time: ColumnElement[bool]) -> list[str]:
    """Insert or complete rows by their path; gives the paths that came before."""
    distinct: dict[str, dict[str, Any]] = {}
    repeated = [row["path"] for row in rows if distinct.setdefault(row["path"], row) is not row]
    names = list(rows[0])
    # One array for each column takes less than half the time of as many rows of parameters.
    arrays = [
        bindparam(name, [row[name] for row in distinct.values()], type_=ARRAY(TABLE.c[name].type)) for name in names
    ]
    given = func.unnest(*arrays).table_valued(*names).render_derived(name="given")
    insert = upsert(File).from_select(["job_id", *names], select(literal(lease.job_id), *given.c))
    statement = insert.on_conflict_do_update(
        index_elements=[File.job_id, text("md5(path)")],
        set_={name: insert.excluded[name] for name in names if name != "path"},
        where=first_time,
    )
    with lease.transaction() as session:
        recorded = set(session.scalars(statement.returning(File.path)))
    return repeated + [path for path in distinct if path not in recorded]


def _known(number: int | None) -> int:
    if number is None:
        raise ValueError("a file is not complete in the ledger: load_metadata must come first")
    return number
