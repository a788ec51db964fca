"""Record the members that a bundle holds and the files that its metadata declares.

Called by the stages `open_tar` and `load_metadata`. One row of the table `file` records a member and the declared file with
the same path. Rows are written in batches, each a short transaction under the fence, and each may be repeated.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Insert, bindparam, delete, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from ingest.bundles.bundle import Member
from ingest.bundles.bundle_metadata import DeclaredFile
from ingest.bundles.names import folded_digest
from ingest.errors.fault_codes import FaultCode
from ingest.errors.fault_list import FaultList
from ingest.ledger.file_states import reset_skipped
from ingest.ledger.files import TABLE
from ingest.ledger.lease import JobLease
from ingest.ledger.models import File, Job
from ingest.system.sanitize import quote_name

DECLARED_COLUMNS = ("position", "path", "size", "hash_type", "hash_sum", "source")


def forget_members(lease: JobLease) -> None:
    """Delete all records of the bundle's members and restart the stage; files that have an id keep it."""
    is_of_job = File.job_id == lease.job_id
    with lease.transaction() as session:
        session.execute(delete(File).where(is_of_job, File.file_id.is_(None)))
        session.execute(update(File).where(is_of_job).values(offset=None, found_size=None))
        lease.restart_stage(session)


def record_members(lease: JobLease, members: Sequence[Member], faults: FaultList) -> None:
    """Record up to a batch of members; a member that the bundle holds twice is a fault."""
    rows = [
        {"path": member.path, "folded": folded_digest(member.path), "offset": member.offset, "found_size": member.size}
        for member in members
        if member.path is not None
    ]
    for path in _record(lease, rows, File.offset.is_(None)):
        faults.add(FaultCode.MEMBER_TWICE, f"member {quote_name(path)} is in the bundle twice")


def forget_declarations(lease: JobLease) -> None:
    """Delete all records of the declared files and restart the stage; files that have an id keep it."""
    is_of_job = File.job_id == lease.job_id
    with lease.transaction() as session:
        session.execute(delete(File).where(is_of_job, File.file_id.is_(None), File.offset.is_(None)))
        session.execute(update(File).where(is_of_job, File.position.is_not(None)).values(position=None))
        reset_skipped(session, lease.job_id)
        session.execute(update(Job).where(Job.id == lease.job_id).values(skipped_members=0))
        lease.restart_stage(session)


def record_declarations(lease: JobLease, declared: Sequence[DeclaredFile], faults: FaultList) -> None:
    """Record up to a batch of declared files; a file that is declared twice is a fault."""
    rows = [
        {name: getattr(file, name) for name in DECLARED_COLUMNS} | {"folded": folded_digest(file.path)}
        for file in declared
    ]
    for path in _record(lease, rows, File.position.is_(None)):
        faults.add(FaultCode.FILE_LISTED_TWICE, f"file {quote_name(path)} is listed twice in the metadata")


def _record(lease: JobLease, rows: list[dict[str, Any]], is_new: ColumnElement[bool]) -> list[str]:
    """Insert or complete rows by their path; return the paths that were recorded before."""
    distinct: dict[str, dict[str, Any]] = {}
    repeated = [row["path"] for row in rows if distinct.setdefault(row["path"], row) is not row]
    statement = _upsert(lease.job_id, list(distinct.values()), is_new)
    with lease.transaction() as session:
        recorded = set(session.scalars(statement.returning(File.path)))
    return repeated + [path for path in distinct if path not in recorded]


def _upsert(job_id: int, rows: list[dict[str, Any]], is_new: ColumnElement[bool]) -> Insert:
    """Return the statement that inserts rows, or completes those of the same path for which `is_new` is true."""
    names = list(rows[0])
    # One array for each column takes less than half the time of as many rows of parameters.
    arrays = [bindparam(name, [row[name] for row in rows], type_=ARRAY(TABLE.c[name].type)) for name in names]
    given = func.unnest(*arrays).table_valued(*names).render_derived(name="given")
    insert = upsert(File).from_select(["job_id", *names], select(literal(job_id), *given.c))
    return insert.on_conflict_do_update(
        index_elements=[File.job_id, text("md5(path)")],
        set_={name: insert.excluded[name] for name in names if name != "path"},
        where=is_new,
    )
