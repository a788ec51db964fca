"""The ids of a job's files: given once and kept, and replaced only where somebody else's file has them already.

Called by `load_metadata`, by whatever sends or removes files, and by `ingest_metadata`. UniqueID has handed out ids twice,
and an admin may have set it back. Three places tell that an id is in use: our ledger (a file id is unique there), the
archive (asked before anything is sent under an id) and the catalogue (which refuses it).
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlalchemy import ARRAY, BigInteger, func, literal, select, update
from sqlalchemy.exc import IntegrityError

from ingest.archiving.parallel import parallel_map
from ingest.context import StageContext
from ingest.errors.types import ServiceUnavailable
from ingest.ledger.files import BATCH, TABLE, FileState, LedgerFile
from ingest.ledger.lease import JobLease
from ingest.ledger.models import File
from ingest.system.failpoints import failpoint

CLASHES_ALLOWED = 10
UNANSWERED = "a request to delete what the archive held was perhaps never answered"


def give_ids(context: StageContext) -> None:
    """Give every file that has no id one; a kill burns the ids of a batch, nothing more. Raises ServiceUnavailable."""
    while keys := _keys_without_id(context.lease):
        _give(context, keys)


def with_free_ids(context: StageContext, files: Iterable[LedgerFile]) -> list[LedgerFile]:
    """Give the files back, those with new ids whose ids the archive holds already though nothing was sent of them.

    What is found there is not ours: it is neither overwritten nor deleted. Raises ServiceUnavailable when UniqueID goes on
    handing out ids in use.
    """
    checked = {file.key: file for file in files}
    unchecked = [file for file in checked.values() if file.state is FileState.PENDING]
    for _ in range(CLASHES_ALLOWED):
        held = _held(context, unchecked)
        if not held:
            return list(checked.values())
        unchecked = replace_ids(context, held, "the archive holds what is not this job's")
        checked.update((file.key, file) for file in unchecked)
    raise _goes_on(context, unchecked[0].file_id)


def replace_ids(context: StageContext, files: Sequence[LedgerFile], reason: str) -> list[LedgerFile]:
    """Commit new ids for files of which the archive has nothing, which are pending then; the event names all old ids."""
    ids = _give(context, [file.key for file in files])
    old = _in_ranges(sorted(file.file_id for file in files))
    context.lease.event("file_ids_replaced", f"{reason}: {old}, now {_in_ranges(ids)}")
    return [replace(file, file_id=file_id, state=FileState.PENDING) for file, file_id in zip(files, ids, strict=True)]


def _held(context: StageContext, files: list[LedgerFile]) -> list[LedgerFile]:
    archive = context.services.archive
    found = parallel_map(lambda file: archive.holds(file.file_id), files, archive.parallel_requests)
    return [file for file, is_held in zip(files, found, strict=True) if is_held]


def _give(context: StageContext, keys: Sequence[int]) -> range:
    """Commit new ids for rows; where the ledger has one of them already, others are taken."""
    for _ in range(CLASHES_ALLOWED):
        ids = context.services.uniqueid.allocate("file", len(keys))
        failpoint("file_ids.allocated", context.lease.job_id)
        arrays = (literal(list(column), ARRAY(BigInteger)) for column in (keys, ids))
        given = func.unnest(*arrays).table_valued("key", "file_id").render_derived(name="given")
        # In one commit: what lies under a new id may be anybody's.
        values = {"file_id": given.c.file_id, "state": FileState.PENDING}
        try:
            with context.lease.transaction() as session:
                session.execute(update(TABLE).where(TABLE.c.id == given.c.key).values(values))
        except IntegrityError:
            continue
        failpoint("file_ids.given", context.lease.job_id)
        return ids
    raise _goes_on(context, ids[0])


def _keys_without_id(lease: JobLease) -> list[int]:
    query = (
        select(File.id)
        .where(File.job_id == lease.job_id, File.file_id.is_(None), File.position.is_not(None))
        .order_by(File.position)
        .limit(BATCH)
    )
    with lease.transaction() as session:
        return list(session.scalars(query))


def _in_ranges(ids: Sequence[int]) -> str:
    """Give ascending ids in few words: 17-19, 23. There are as many as a batch has, at most."""
    ranges: list[list[int]] = []
    for file_id in ids:
        if ranges and file_id == ranges[-1][1] + 1:
            ranges[-1][1] = file_id
        else:
            ranges.append([file_id, file_id])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def _goes_on(context: StageContext, file_id: int) -> ServiceUnavailable:
    reason = f"it goes on handing out file ids in use, such as {file_id}; set it to a number above all of them"
    return ServiceUnavailable("uniqueid", context.settings.uniqueid_url, reason)
