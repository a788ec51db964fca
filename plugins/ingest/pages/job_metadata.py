"""The metadata of a job as the uploader declared it, read from the bundle while it is in the spool.

Called by both places that serve pages. It has a page of its own, because a spool on a network may hang: then a few threads
of this module do, and no thread that answers requests.
"""

import io
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

from sqlalchemy import Engine

from ingest.bundles.bundle_metadata import entries
from ingest.bundles.metadata_document import Entry
from ingest.bundles.passed_on import FILES, TABLE
from ingest.errors.fault_list import FaultList
from ingest.errors.types import InvalidMetadata
from ingest.ledger.database import transaction
from ingest.ledger.jobs import get_job
from ingest.ledger.models import REMOVED, Job
from ingest.pages.rendering import render
from ingest.pages.site import Site
from ingest.settings.loading import Settings
from ingest.states.stages import Kind
from ingest.system.sanitize import escape

# Of a longer document only the beginning is shown.
MOST_BYTES = 64 * 1024
MOST_ENTRIES = 200
READERS, MOST_SECONDS = 4, 10.0


@dataclass(frozen=True)
class DeclaredMetadata:
    """The beginning of a document of `size` bytes; `entries` are those of all tables but `Files`."""

    text: str
    size: int
    entries: list[Entry]

    @property
    def is_cut(self) -> bool:
        """Whether the document is longer than what is shown."""
        return self.size > MOST_BYTES


def show_metadata(settings: Settings, engine: Engine, site: Site, job_id: int) -> str:
    """Return the page with the metadata of a job; raises UnknownJob, DatabaseUnavailable."""
    with transaction(engine) as session:
        job = get_job(session, job_id)
    metadata, reason = None, _missing(job)
    if not reason:
        reading = _readers().submit(_read, settings.volume_path, job)
        try:
            metadata = reading.result(MOST_SECONDS)
        except TimeoutError:
            reading.cancel()
            reason = "The spool does not respond. Try again later."
        except OSError as error:
            reason = f"The bundle cannot be read from the spool: {error.strerror or type(error).__name__}."
    return render("job_metadata.html", site=site, job_id=job_id, metadata=metadata, reason=reason)


@cache
def _readers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(READERS, thread_name_prefix="metadata")


def _missing(job: Job) -> str:
    """Return why there is no metadata to read; empty if there is."""
    if job.spool_name == REMOVED:
        return "The bundle was removed from the spool. The metadata of a complete job is in the catalog."
    if job.kind == Kind.INGEST and job.metadata_offset is None:
        return "The bundle has not been read yet, or it has no metadata.txt."
    return ""


def _read(spool: Path, job: Job) -> DeclaredMetadata:
    # The document of a move is the whole file.
    offset = job.metadata_offset or 0
    size = job.size if job.kind == Kind.MOVE else job.metadata_size or 0
    with (spool / job.spool_name).open("rb") as file:
        file.seek(offset)
        beginning = file.read(min(size, MOST_BYTES))
    text = "\n".join(escape(line) for line in beginning.decode(errors="replace").splitlines())
    return DeclaredMetadata(text, size, _declared(beginning))


def _declared(beginning: bytes) -> list[Entry]:
    found: list[Entry] = []
    others = (entry for _, entry in entries(io.BytesIO(beginning), FaultList()) if entry[TABLE] != FILES)
    # Malformed, or cut: the entries before that place are shown.
    with suppress(InvalidMetadata):
        found.extend(islice(others, MOST_ENTRIES))
    return found
