"""The ids of a job's files: assigned once, and replaced only if another system's file has the id or a DELETE may be late.

Called by `load_metadata`, `ingest_metadata` and the modules that send or delete files. UniqueID may hand out an id twice,
for instance after an admin has set it back. Three systems know which ids are in use:

- the ledger, where a file id is unique;
- the archive, which is queried before files are sent under new ids (`ids_in_use`);
- the catalog, which refuses an id that it has.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

from sqlalchemy.exc import IntegrityError

from ingest.archiving.ids_in_use import find_held
from ingest.context import StageContext
from ingest.errors.types import ServiceUnavailable
from ingest.ledger.events import EventKind
from ingest.ledger.file_states import assign_ids
from ingest.ledger.files import LedgerFile, batches, highest_file_id, keys_without_id
from ingest.ledger.models import FileState
from ingest.system.failpoints import failpoint

Event = tuple[EventKind, str] | None
MAX_CLASHES = 10
HELD = "the archive holds a file that is not this job's"
DELETION_UNANSWERED = "a request to delete the file from the archive may still be under way"


def assign_missing_ids(context: StageContext) -> None:
    """Assign an id to every file that has none; raises ServiceUnavailable. A kill loses the new ids of one batch."""
    for keys in batches(keys_without_id(context.lease)):
        # Read before the request to UniqueID, so that ids which other jobs receive meanwhile do not count.
        highest = highest_file_id(context.lease)
        _allocate(context, keys, partial(_not_rising, highest))


def replace_ids_in_use(context: StageContext, files: Iterable[LedgerFile]) -> list[LedgerFile]:
    """Return the files; pending ones have new ids where the archive holds a file under their ids.

    The archive's file is another system's, because nothing was sent: it is neither overwritten nor deleted. Raises
    ServiceUnavailable when UniqueID continues to hand out ids in use.
    """
    checked = {file.key: file for file in files}
    unchecked = [file for file in checked.values() if file.state is FileState.PENDING]
    for _ in range(MAX_CLASHES):
        held = find_held(context, unchecked)
        if not held:
            return list(checked.values())
        unchecked = replace_ids(context, held, HELD)
        checked.update((file.key, file) for file in unchecked)
    raise _ids_in_use(context, unchecked[0].file_id)


def replace_ids(context: StageContext, files: Sequence[LedgerFile], reason: str) -> list[LedgerFile]:
    """Commit new ids for files, under whose old ones the archive holds nothing of theirs, and return them, pending.

    An event lists all ids; after it, every new id of the job is checked.
    """
    old = _as_ranges(sorted(file.file_id for file in files))
    ids = _allocate(
        context,
        [file.key for file in files],
        lambda ids: (EventKind.FILE_IDS_REPLACED, f"{reason}: {old}, now {_as_ranges(ids)}"),
    )
    return [replace(file, file_id=file_id, state=FileState.PENDING) for file, file_id in zip(files, ids, strict=True)]


def _allocate(context: StageContext, keys: Sequence[int], event_for: Callable[[range], Event]) -> range:
    """Allocate ids, again if the ledger already has one of them; commit them with their event, and return them."""
    for _ in range(MAX_CLASHES):
        ids = context.services.uniqueid.allocate("file", len(keys))
        failpoint("file_ids.allocated", context.lease.job_id)
        try:
            assign_ids(context.lease, keys, ids, event_for(ids))
        except IntegrityError:
            continue
        return ids
    raise _ids_in_use(context, ids[0])


def _not_rising(highest: int, ids: range) -> Event:
    """Return an event about ids that do not rise above the highest id before, after which each of them is checked."""
    if ids[0] > highest:
        return None
    return EventKind.FILE_IDS_NOT_RISING, f"uniqueid returned {_as_ranges(ids)}, but {highest} was in use before"


def _as_ranges(ids: Sequence[int]) -> str:
    """Write all ascending ids of a batch as ranges, such as "17-19, 23"."""
    ranges: list[list[int]] = []
    for file_id in ids:
        if ranges and file_id == ranges[-1][1] + 1:
            ranges[-1][1] = file_id
        else:
            ranges.append([file_id, file_id])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def _ids_in_use(context: StageContext, file_id: int) -> ServiceUnavailable:
    reason = f"it hands out file ids in use, such as {file_id}; set it to a number above all of them"
    return ServiceUnavailable("uniqueid", context.settings.uniqueid_url, reason)
