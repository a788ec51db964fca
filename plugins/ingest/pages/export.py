"""The list of jobs and the files of a job as CSV files that a browser saves.

Called by both places that serve pages, which check first what the viewer may see. A file is made page by page, so memory
stays flat, and no transaction is open while the browser reads. The first page is read before anything is sent, so that the
browser shows why the database is unavailable. Later, the download breaks off, which the browser shows, too.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from threading import BoundedSemaphore, Lock

from sqlalchemy import Engine

from ingest.errors.types import DatabaseUnavailable
from ingest.ledger import job_pages, jobs
from ingest.ledger.job_list import read_page
from ingest.pages.csv_file import BYTE_ORDER_MARK, Cell, to_csv
from ingest.pages.filters import ListQuery
from ingest.pages.formats import name_state
from ingest.pages.job_files import FileFilter, FileRow, to_file_row
from ingest.pages.job_table import JobRow, to_rows

ROWS = 500
JOB_COLUMNS = (
    "job", "kind", "state", "stage", "code", "cause", "uploader", "project", "instrument", "files", "bytes",
    "received", "ended", "duration_seconds",
)  # fmt: skip
FILE_COLUMNS = ("path", "bytes", "state", "hash_type", "hash", "archive_id", "fault")
# One page at a time in each process: many exports occupy one connection and a part of the processor, as one does.
LONGEST_WAIT_SECONDS = 30.0
_reading = Lock()
# Each waits in a thread that other pages need.
MOST_WAITING = 8
_waiting = BoundedSemaphore(MOST_WAITING)


def export_jobs(engine: Engine, query: ListQuery) -> Iterator[bytes]:
    """Return the parts of a file with all jobs of a list, newest first; raises DatabaseUnavailable.

    The query has no faults (`ListQuery.faults`).
    """
    return _parts(JOB_COLUMNS, _job_pages(engine, query))


def export_files(engine: Engine, job_id: int, query: Mapping[str, str]) -> Iterator[bytes]:
    """Return the parts of a file with all files of a job that a filter selects.

    Raises UnknownJob (ReceivedByOriginal), DatabaseUnavailable.
    """
    jobs.read(engine, job_id)
    return _parts(FILE_COLUMNS, _file_pages(engine, job_id, FileFilter.from_query(query)))


def _parts(columns: tuple[str, ...], pages: Iterator[list[tuple[Cell, ...]]]) -> Iterator[bytes]:
    first = next(pages)
    head = BYTE_ORDER_MARK.encode() + to_csv([columns, *first])
    return chain([head], map(to_csv, pages))


def _job_pages(engine: Engine, query: ListQuery) -> Iterator[list[tuple[Cell, ...]]]:
    place = None
    while True:
        with _turn():
            found = read_page(engine, query.filter, place, ROWS)
            rows = [_job_cells(row) for row in to_rows(engine, found)]
        yield rows
        if len(found) < ROWS:
            return
        place = found[-1].place


def _file_pages(engine: Engine, job_id: int, wanted: FileFilter) -> Iterator[list[tuple[Cell, ...]]]:
    faults = job_pages.read_faults(engine, job_id)
    after: int | None = 0
    while after is not None:
        with _turn():
            page = job_pages.read_files(engine, job_id, wanted.state, wanted.path or None, after, ROWS)
            rows = [_file_cells(to_file_row(row, faults)) for row in page.rows]
        yield rows
        after = page.next


@contextmanager
def _turn() -> Iterator[None]:
    if not _acquire_turn():
        raise DatabaseUnavailable("other files are being exported; try again later")
    try:
        yield
    finally:
        _reading.release()


def _acquire_turn() -> bool:
    if not _waiting.acquire(blocking=False):
        return False
    try:
        return _reading.acquire(timeout=LONGEST_WAIT_SECONDS)
    finally:
        _waiting.release()


def _job_cells(row: JobRow) -> tuple[Cell, ...]:
    received = row.job.snapshot.received
    return (
        row.job_id,
        row.kind,
        name_state(row.job.snapshot.record),
        row.state.task,
        row.code,
        row.cause,
        received.user,
        row.job.project,
        row.job.instrument,
        row.job.files,
        row.size,
        row.job.snapshot.created,
        row.ended,
        int(row.duration.total_seconds()),
    )


def _file_cells(file: FileRow) -> tuple[Cell, ...]:
    return (file.path, file.size, file.state, file.hash_type, file.hash_sum, file.file_id, file.fault)
