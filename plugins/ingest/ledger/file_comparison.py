"""Compare the members of a bundle with the files that its metadata declares, and the paths of a job with each other.

Called by the stages `open_tar` and `load_metadata` and by `ingest.archiving.declarations`, once the records are complete.
Each difference is added to the faults.
"""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, bindparam, func, select

from ingest.bundles.alike_names import shown_apart
from ingest.bundles.names import DATA_FOLDER, folded
from ingest.bundles.unmatched_names import UnmatchedNames
from ingest.errors.fault_codes import FaultCode
from ingest.errors.fault_list import FaultList
from ingest.ledger.compiled_statements import CompiledStatement
from ingest.ledger.file_queries import BATCH, FileQuery
from ingest.ledger.files import batches, ids_by_path
from ingest.ledger.lease import JobLease
from ingest.ledger.models import File
from ingest.system.sanitize import quote_name

_IS_ALONE = File.offset.is_(None) | (File.found_size != File.size)
_DIFFERENT_FILES, _DIFFERENT_OR_UNLISTED = FileQuery(_IS_ALONE), FileQuery(_IS_ALONE | File.position.is_(None))


def _select_alike(is_present: ColumnElement[bool]) -> CompiledStatement:
    # Paths are folded in Python: the result of PostgreSQL's lower() depends on the locale of the database.
    groups = (
        select(func.min(File.path), func.max(File.path), func.count())
        .where(File.job_id == bindparam("job_id"), is_present)
        .group_by(File.folded)
        .where(File.folded.is_not(None))
        .having(func.count() > 1)
    )
    return CompiledStatement(groups, rows_per_read=BATCH)


ALIKE_MEMBERS, ALIKE_DECLARED = _select_alike(File.offset.is_not(None)), _select_alike(File.position.is_not(None))


def compare_members(lease: JobLease, faults: FaultList, *, may_be_unlisted: bool) -> None:
    """Compare the bundle's members with the metadata; add each difference to the faults.

    A member that is not listed is a fault unless `may_be_unlisted`.
    """
    unmatched = UnmatchedNames()
    query = _DIFFERENT_FILES if may_be_unlisted else _DIFFERENT_OR_UNLISTED
    for file in query.read(lease.transaction, lease.job_id):
        if file.position is None:
            unmatched.add_member(file.path)
        elif file.offset is None:
            unmatched.add_file(file.path)
        else:
            declared = f"the metadata declares {file.size}"
            faults.add(FaultCode.SIZE_DIFFERS, f"file {quote_name(file.path)} has {file.found_size} bytes, {declared}")
    unmatched.report(faults)


def compare_sources(lease: JobLease, faults: FaultList) -> None:
    """Add each source that is listed more than once to the faults, because it can be moved only once."""
    is_source = (File.job_id == lease.job_id) & File.position.is_not(None) & File.source.is_not(None)
    query = select(File.source).where(is_source).group_by(File.source).having(func.count() > 1).order_by(File.source)
    with lease.transaction() as session:
        for source in session.scalars(query.execution_options(yield_per=BATCH)):
            faults.add(
                FaultCode.SOURCE_LISTED_TWICE, f"source {quote_name(source or '')} is listed twice in the metadata"
            )


def find_ambiguous_paths(lease: JobLease, alike: CompiledStatement, faults: FaultList) -> None:
    """Add each group of paths that differ only in case or in Unicode form to the faults.

    `alike` is `ALIKE_MEMBERS` for the paths of members, `ALIKE_DECLARED` for those of declared files.
    """
    with lease.transaction() as session:
        for one, other, count in alike.execute(session, job_id=lease.job_id):
            # Two paths may have the same digest by chance.
            if folded(one) == folded(other):
                shown = shown_apart(one, other)
                of = f", two of {count}," if count > 2 else ""  # noqa: PLR2004 - a pair needs no count
                faults.add(
                    FaultCode.PATH_AMBIGUOUS, f"paths {shown}{of} differ only in case or in Unicode form; rename one"
                )


def check_annotated(lease: JobLease, annotated: Iterable[tuple[int, str]], faults: FaultList) -> None:
    """Add each `FileKeyValue` to the faults if no `Files` entry lists its path; `annotated` yields positions and paths."""
    for batch in batches(annotated):
        listed = ids_by_path(lease, [path for _, path in batch])
        for position, path in batch:
            if path not in listed:
                shown = quote_name(f"{DATA_FOLDER}/{path}")
                faults.add(FaultCode.PATH_UNLISTED, f"entry {position} (FileKeyValue): no Files entry lists {shown}")
