"""Find the files of a batch under whose ids the archive already holds a file of another system.

Called by `ingest.archiving.file_ids`. A query of ArchiveInterface takes it longer than a small file. UniqueID hands out
contiguous ranges, so a range that meets ids in use meets a block of them. Therefore a sample of each range is checked, and
every id only if there is a reason. Decision 37 states the risk that remains.
"""

from collections.abc import Iterator, Sequence

from ingest.archiving.parallel import parallel_map
from ingest.context import StageContext
from ingest.ledger.events import EventKind, has_event
from ingest.ledger.files import LedgerFile

# The sample of a run of ids: the first ones, and others at equal distances up to the last one.
FIRST, SPREAD = 3, 8
# After these events, all ids of a job are checked.
REASONS = (EventKind.FILE_IDS_REPLACED, EventKind.FILE_IDS_NOT_RISING)


def find_held(context: StageContext, files: list[LedgerFile]) -> list[LedgerFile]:
    """Return the files of a batch whose ids the archive holds. Raises ServiceUnavailable."""
    sample = [file for run in consecutive_runs(files) for file in sample_of(run)]
    is_enough = len(sample) < len(files) and not _must_check_all(context) and not _query_held(context, sample)
    return [] if is_enough else _query_held(context, files)


def consecutive_runs(files: Sequence[LedgerFile]) -> Iterator[list[LedgerFile]]:
    """Split files at each gap between their ids; a gap may separate ranges of UniqueID."""
    run: list[LedgerFile] = []
    for file in sorted(files, key=lambda file: file.file_id):
        if run and file.file_id != run[-1].file_id + 1:
            yield run
            run = []
        run.append(file)
    if run:
        yield run


def sample_of(run: list[LedgerFile]) -> list[LedgerFile]:
    """Return the files of a run whose ids are checked.

    A block of ids in use that is as long as an eighth of the run, rounded up, or that begins or ends with it, is found.
    """
    last = len(run) - 1
    spread = {last * step // SPREAD for step in range(SPREAD + 1)}
    return [file for index, file in enumerate(run) if index < FIRST or index in spread]


def _must_check_all(context: StageContext) -> bool:
    if context.services.archive.checks_every_id:
        return True
    with context.lease.transaction() as session:
        return has_event(session, context.lease.job_id, REASONS)


def _query_held(context: StageContext, files: list[LedgerFile]) -> list[LedgerFile]:
    """Return the files whose ids the archive holds, after a query for each. Raises ServiceUnavailable."""
    archive = context.services.archive
    found = parallel_map(lambda file: archive.holds(file.file_id), files, archive.parallel_requests)
    return [file for file, is_held in zip(files, found, strict=True) if is_held]
