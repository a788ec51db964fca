"""Every change of a file's state: one function for each transition, and the only writer of `file.state`.

Called by the modules of `ingest.archiving`. `FileState` says what each state means.

               skip_members             mark_sending               mark_archived
                                        mark_moving                mark_moved
    skipped <--------------- pending ---------------> sending ----------------> archived
            --------------->   ^                       | ^ ^                       | |
               reset_skipped   |                       | | |    mark_restoring     | |
                               |                       | | +-----------------------+ |
                               | mark_deleting_partial | |                           |
                               |                       | | mark_partial_deleted      |
                               |                       v |                           |
                               |                     deleting <----------------------+
                               |                                    mark_deleting
                               |
                               +--- mark_removed from `deleting`, mark_restored from `sending`,
                                    assign_ids from every state

- `mark_sending` and `mark_deleting` do not change files that have the state already.
- `mark_deleting` and `mark_restoring` are valid from every state that a file with an id has: reconciliation deletes files
  that the archive holds although the ledger does not record it.

Each function but `reset_skipped` commits its own transaction under the fence and may be repeated. Failpoints fire right
before or after the commit, so that tests can kill a process there.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import ARRAY, BigInteger, any_, bindparam, func, update
from sqlalchemy.orm import Session

from ingest.ledger.compiled_statements import CompiledStatement
from ingest.ledger.events import EventKind
from ingest.ledger.file_queries import TABLE
from ingest.ledger.files import LedgerFile
from ingest.ledger.lease import JobLease
from ingest.ledger.models import FileState
from ingest.system.failpoints import failpoint

# PostgreSQL reads one array faster than a thousand parameters.
_KEYS = bindparam("keys", type_=ARRAY(BigInteger))
_ARE_KEYS = TABLE.c.id == any_(_KEYS)
_SET_STATE = CompiledStatement(update(TABLE).where(_ARE_KEYS), ["state"])
_SET_INODE = CompiledStatement(update(TABLE).where(_ARE_KEYS), ["state", "inode"])
_RESET_SKIPPED = CompiledStatement(
    update(TABLE)
    .where(TABLE.c.job_id == bindparam("job_id"), TABLE.c.state == FileState.SKIPPED)
    .values(state=FileState.PENDING)
)
_ASSIGNED = (
    func.unnest(_KEYS, bindparam("ids", type_=ARRAY(BigInteger)))
    .table_valued("key", "file_id")
    .render_derived(name="assigned")
)
_ASSIGN_IDS = CompiledStatement(
    update(TABLE).where(TABLE.c.id == _ASSIGNED.c.key).values(file_id=_ASSIGNED.c.file_id, state=FileState.PENDING)
)


def assign_ids(lease: JobLease, keys: Sequence[int], ids: Sequence[int], event: tuple[EventKind, str] | None) -> None:
    """Assign new file ids to rows, after which they are pending; raises IntegrityError when the ledger has one of the ids.

    Id and state change in one commit: the archive may hold another system's file under the new id. `event`, a kind and a
    text, is part of the commit, because it may say that each of these ids must be checked (`ingest.archiving.ids_in_use`).
    """
    with lease.transaction() as session:
        _ASSIGN_IDS.execute(session, keys=list(keys), ids=list(ids))
        if event:
            lease.add_event(session, *event)
    failpoint("file_ids.given", lease.job_id)


def skip_members(lease: JobLease, keys: Sequence[int]) -> None:
    """Exclude members from the job that its metadata does not list; `keys` are those of up to a batch of rows."""
    _commit(lease, keys, FileState.SKIPPED)
    failpoint("load_metadata.skipped", lease.job_id)


def reset_skipped(session: Session, job_id: int) -> None:
    """Make the skipped members pending again, in the caller's transaction, before the metadata is read again."""
    _RESET_SKIPPED.execute(session, job_id=job_id)


def mark_sending(lease: JobLease, files: Iterable[LedgerFile]) -> None:
    """Record that a batch of files is about to be sent; only then may the archive be changed under their ids."""
    _commit(lease, _keys(files), FileState.SENDING)
    failpoint("ingest_files.sending", lease.job_id)


def mark_archived(lease: JobLease, files: Iterable[LedgerFile]) -> None:
    """Record that the archive holds files whose size and hash were verified."""
    _commit(lease, _keys(files), FileState.ARCHIVED)
    failpoint("ingest_files.archived", lease.job_id)


def mark_deleting_partial(lease: JobLease, file: LedgerFile) -> None:
    """Record that a file which an earlier process sent in part is about to be deleted from the archive."""
    _commit(lease, [file.key], FileState.DELETING)
    failpoint("ingest_files.deleting", lease.job_id)


def mark_partial_deleted(lease: JobLease, file: LedgerFile) -> None:
    """Record that the archive confirmed the deletion, so that the file can be sent again under its id."""
    failpoint("ingest_files.deleted", lease.job_id)
    _commit(lease, [file.key], FileState.SENDING)


def mark_deleting(lease: JobLease, files: Iterable[LedgerFile]) -> None:
    """Record that a batch of files is about to be deleted from the archive for good."""
    _commit(lease, _keys(files), FileState.DELETING)
    failpoint("rejection.deleting", lease.job_id)


def mark_removed(lease: JobLease, files: Sequence[LedgerFile]) -> None:
    """Record, with an event, that the archive holds nothing of a batch of deleted files."""
    _commit_removal(lease, files)
    failpoint("rejection.batch_removed", lease.job_id)


def mark_moving(lease: JobLease, file: LedgerFile, inode: int) -> None:
    """Record that a source is about to be moved, and the inode of the source that was hashed."""
    _commit(lease, [file.key], FileState.SENDING, inode=inode)
    failpoint("move_files.sending", lease.job_id)


def mark_moved(lease: JobLease, file: LedgerFile) -> None:
    """Record that the archive holds a source and that the source's name was removed from its folder."""
    _commit(lease, [file.key], FileState.ARCHIVED)
    failpoint("move_files.archived", lease.job_id)


def mark_restoring(lease: JobLease, file: LedgerFile) -> None:
    """Record that a source is about to be restored and its file removed from the archive."""
    _commit(lease, [file.key], FileState.SENDING)


def mark_restored(lease: JobLease, file: LedgerFile) -> None:
    """Record, with an event, that a source was restored and the archive holds nothing of it."""
    _commit_removal(lease, [file])
    failpoint("put_back.pending", lease.job_id)


def _commit(lease: JobLease, keys: Iterable[int], state: FileState, **values: int) -> None:
    with lease.transaction() as session:
        (_SET_INODE if values else _SET_STATE).execute(session, keys=list(keys), state=state, **values)


def _commit_removal(lease: JobLease, files: Sequence[LedgerFile]) -> None:
    text = f"all that the archive held of {len(files)} files with {sum(file.size for file in files)} bytes"
    with lease.transaction() as session:
        _SET_STATE.execute(session, keys=_keys(files), state=FileState.PENDING)
        lease.add_event(session, EventKind.FILES_REMOVED, text)


def _keys(files: Iterable[LedgerFile]) -> list[int]:
    return [file.key for file in files]
