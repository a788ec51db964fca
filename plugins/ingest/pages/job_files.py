"""The files of a job: the first ones on its page, all in pages with filters.

Called by `ingest.pages.job_page`, and by both places that serve pages.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlencode

from sqlalchemy import Engine, Row

from ingest.ledger import job_pages, jobs
from ingest.ledger.job_details import JobDetails
from ingest.ledger.models import FileState
from ingest.pages.cursors import row_of
from ingest.pages.rendering import render
from ingest.pages.site import Site

# The files on the page of the job, and on each page of the list of its files.
FIRST_FILES, FILES_OF_PAGE = 10, 100
LONGEST_SEARCH = 1000


@dataclass(frozen=True)
class FileFilter:
    """The files that a list shows: those in a state and with a text in their path, after the row `after`."""

    state: FileState | None = None
    path: str = ""
    after: int = 0

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Self:
        """Read the filter from the query of an address; a value that cannot be read does not filter."""
        state = query.get("state", "")
        return cls(
            state=FileState(state) if state in list(FileState) else None,
            path=query.get("path", "").replace("\0", "")[:LONGEST_SEARCH],
            after=row_of(query),
        )

    @property
    def is_empty(self) -> bool:
        """Whether it lets all files through."""
        return self.state is None and not self.path

    def query_after(self, row: int) -> str:
        """Return the query of the page that follows a row; 0 for the first page."""
        values = {"state": self.state or "", "path": self.path, "cursor": row}
        return urlencode({name: value for name, value in values.items() if value})


@dataclass(frozen=True)
class FileRow:
    """A file; `fault` is the sentence about it in the job's error."""

    path: str
    size: int | None
    hash_type: str | None
    hash_sum: str | None
    file_id: int | None
    state: str
    fault: str


@dataclass(frozen=True)
class FilePage:
    """A page of files; `next` is the query of the next page, None after the last one."""

    filter: FileFilter
    rows: list[FileRow]
    next: str | None


def show_files(engine: Engine, site: Site, job_id: int, query: Mapping[str, str]) -> str:
    """Return a page of the files of a job; raises UnknownJob (ReceivedByOriginal), DatabaseUnavailable."""
    job = jobs.read(engine, job_id)
    page = read_file_page(engine, job_id, FileFilter.from_query(query))
    return render("job_files.html", site=site, job=job, page=page, states=list(FileState))


def read_file_page(engine: Engine, job_id: int, wanted: FileFilter) -> FilePage:
    """Read a page of the files of a job; raises DatabaseUnavailable."""
    page = job_pages.read_files(engine, job_id, wanted.state, wanted.path or None, wanted.after, FILES_OF_PAGE)
    faults = job_pages.read_faults(engine, job_id)
    following = None if page.next is None else wanted.query_after(page.next)
    return FilePage(wanted, [to_file_row(row, faults) for row in page.rows], following)


def first_files(engine: Engine, details: JobDetails) -> list[FileRow]:
    """Return the first files of a job; raises DatabaseUnavailable."""
    job_id = details.job.snapshot.received.job_id
    page = job_pages.read_files(engine, job_id, None, None, 0, FIRST_FILES)
    faults = (details.error or {}).get("faults", [])
    return [to_file_row(row, faults) for row in page.rows]


def to_file_row(row: Row[Any], faults: Sequence[Mapping[str, str]]) -> FileRow:
    """Convert a row of the ledger; `faults` are those of the job."""
    fault = job_pages.fault_of(row.path, faults)
    return FileRow(
        path=row.path,
        size=row.found_size if row.size is None else row.size,
        hash_type=row.hash_type,
        hash_sum=row.hash_sum,
        file_id=row.file_id,
        state=row.state,
        fault=fault["text"] if fault else "",
    )
