"""Record the members that a bundle holds and the files that its metadata declares.

Called by the stages `open_tar` and `load_metadata`. One row of the table `file` records a member and the declared file with
the same path. Rows are written in batches, each a short transaction under the fence, and each may be repeated.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, bindparam, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from ingest.bundles.bundle import Member
from ingest.bundles.bundle_metadata import DeclaredFile
from ingest.bundles.names import folded_digest
from ingest.errors.fault_codes import FaultCode
from ingest.errors.fault_list import FaultList
from ingest.ledger.compiled_statements import CompiledStatement
from ingest.ledger.file_queries import JOB_ID, TABLE
from ingest.ledger.file_states import reset_skipped
from ingest.ledger.job_updates import update_columns
from ingest.ledger.lease import JobLease
from ingest.system.sanitize import quote_name

MEMBER_COLUMNS = ("path", "folded", "offset", "found_size")
DECLARED_COLUMNS = ("position", "path", "size", "hash_type", "hash_sum", "source")


def _upsert(names: Sequence[str], is_new: ColumnElement[bool]) -> CompiledStatement:
    """Return the statement that inserts rows, or completes those of the same path for which `is_new` is true.

    It returns the paths of these rows. One array for each column takes less than half the time of as many rows of
    parameters.
    """
    arrays = [bindparam(name, type_=ARRAY(TABLE.c[name].type)) for name in names]
    given = func.unnest(*arrays).table_valued(*names).render_derived(name="given")
    insert = upsert(TABLE).from_select(["job_id", *names], select(JOB_ID, *given.c))
    completed = insert.on_conflict_do_update(
        index_elements=[TABLE.c.job_id, text("md5(path)")],
        set_={name: insert.excluded[name] for name in names if name != "path"},
        where=is_new,
    )
    return CompiledStatement(completed.returning(TABLE.c.path))


_OF_JOB, _HAS_NO_ID = TABLE.c.job_id == JOB_ID, TABLE.c.file_id.is_(None)
_RECORD_MEMBERS = _upsert(MEMBER_COLUMNS, TABLE.c.offset.is_(None))
_RECORD_DECLARED = _upsert((*DECLARED_COLUMNS, "folded"), TABLE.c.position.is_(None))
_DELETE_MEMBERS = CompiledStatement(delete(TABLE).where(_OF_JOB, _HAS_NO_ID))
_CLEAR_MEMBERS = CompiledStatement(update(TABLE).where(_OF_JOB).values(offset=None, found_size=None))
_DELETE_DECLARED = CompiledStatement(delete(TABLE).where(_OF_JOB, _HAS_NO_ID, TABLE.c.offset.is_(None)))
_CLEAR_DECLARED = CompiledStatement(update(TABLE).where(_OF_JOB, TABLE.c.position.is_not(None)).values(position=None))


def forget_members(lease: JobLease) -> None:
    """Delete all records of the bundle's members and restart the stage; files that have an id keep it."""
    with lease.transaction() as session:
        _DELETE_MEMBERS.execute(session, job_id=lease.job_id)
        _CLEAR_MEMBERS.execute(session, job_id=lease.job_id)
        lease.restart_stage(session)


def record_members(lease: JobLease, members: Sequence[Member], faults: FaultList) -> None:
    """Record up to a batch of members; a member that the bundle holds twice is a fault."""
    rows = [
        {"path": member.path, "folded": folded_digest(member.path), "offset": member.offset, "found_size": member.size}
        for member in members
        if member.path is not None
    ]
    for path in _record(lease, rows, _RECORD_MEMBERS):
        faults.add(FaultCode.MEMBER_TWICE, f"member {quote_name(path)} is in the bundle twice")


def forget_declarations(lease: JobLease) -> None:
    """Delete all records of the declared files and restart the stage; files that have an id keep it."""
    with lease.transaction() as session:
        _DELETE_DECLARED.execute(session, job_id=lease.job_id)
        _CLEAR_DECLARED.execute(session, job_id=lease.job_id)
        reset_skipped(session, lease.job_id)
        update_columns(session, lease.job_id, {"skipped_members": 0}, touch=False)
        lease.restart_stage(session)


def record_declarations(lease: JobLease, declared: Sequence[DeclaredFile], faults: FaultList) -> None:
    """Record up to a batch of declared files; a file that is declared twice is a fault."""
    rows = [
        {name: getattr(file, name) for name in DECLARED_COLUMNS} | {"folded": folded_digest(file.path)}
        for file in declared
    ]
    for path in _record(lease, rows, _RECORD_DECLARED):
        faults.add(FaultCode.FILE_LISTED_TWICE, f"file {quote_name(path)} is listed twice in the metadata")


def _record(lease: JobLease, rows: list[dict[str, Any]], statement: CompiledStatement) -> list[str]:
    """Insert or complete rows by their path; return the paths that were recorded before."""
    distinct: dict[str, dict[str, Any]] = {}
    repeated = [row["path"] for row in rows if distinct.setdefault(row["path"], row) is not row]
    columns = {name: [row[name] for row in distinct.values()] for name in rows[0]}
    with lease.transaction() as session:
        recorded = set(statement.execute(session, job_id=lease.job_id, **columns).scalars())
    return repeated + [path for path in distinct if path not in recorded]
