"""The marker of the built-in archive: a file in its folder, without which the folder is not used.

Called by `archive_folder`, and by `pacifica-ingest-cmd accept-archive`. While the archive's disk is not mounted, its folder
is missing or empty. Jobs would then complete into a folder on another disk, and stored files would look lost.

A folder gets its marker before the first file is stored in it: in a transaction that writes the ledger's row, then the
file, then commits. A process that dies before the commit leaves a marker that the ledger does not know, and the next one
records it. Folders of earlier versions have files but no marker, and get one in the same way.
"""

import os
from pathlib import Path
from uuid import uuid4

from sqlalchemy import Engine, exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from ingest.errors.types import ServiceUnavailable
from ingest.ledger.database import transaction
from ingest.ledger.models import ArchiveFolder, File, FileState
from ingest.settings.types import folder_of
from ingest.system.durable_files import make_folder, part_path, sync_folder, write_all, writing

# Not hidden, so that `cp archive/*` copies it too.
MARKER = "pacifica-ingest-archive"
EXPLANATION = "\nThis file marks the folder of the built-in archive. Without it the folder is not used.\n"
REMEDY = "mount its disk or restore the folder; if it is the right folder, run pacifica-ingest-cmd accept-archive"


class ArchiveMarker:
    """The marker of the archive in the folder that a file:// URL names; `engine` is that of the ledger.

    Methods raise ServiceUnavailable if the folder is not the recorded one, OSError if it cannot be read, and
    DatabaseUnavailable.
    """

    def __init__(self, service: str, url: str, engine: Engine) -> None:
        self._service = service
        self._url = url
        self._folder = folder_of(url) or Path()
        self._path = self._folder / MARKER
        self._engine = engine
        self._verified: tuple[int, int] | None = None

    def check(self) -> None:
        """Check that the folder has the marker that the ledger records, or may be new."""
        if self._is_verified():
            return
        with transaction(self._engine) as session:
            recorded = _recorded(session, self._folder)
            if recorded is None:
                self._read_or_check_new(session)
        if recorded is not None:
            self._verify(recorded)

    def ensure(self) -> None:
        """Create and mark a folder that was never used; check any other one."""
        if self._is_verified():
            return
        with transaction(self._engine) as session:
            recorded = _recorded(session, self._folder) or self._mark(session)
        self._verify(recorded)

    def accept(self) -> None:
        """Mark the folder, or record the marker that it has; for an admin who knows that it is the right folder."""
        with transaction(self._engine) as session:
            marker = self._read() or str(uuid4())
            row = insert(ArchiveFolder).values(path=str(self._folder), marker=marker)
            session.execute(row.on_conflict_do_update(index_elements=[ArchiveFolder.path], set_={"marker": marker}))
            self._write(marker)

    def _mark(self, session: Session) -> str:
        """Record and write the marker; return the recorded one, which another process may have written."""
        marker = self._read_or_check_new(session) or str(uuid4())
        # Another process that marks the folder waits here for the commit, then finds this row.
        row = insert(ArchiveFolder).values(path=str(self._folder), marker=marker).on_conflict_do_nothing()
        if session.execute(row.returning(ArchiveFolder.path)).first() is None:
            return _recorded(session, self._folder) or marker
        self._write(marker)
        return marker

    def _read_or_check_new(self, session: Session) -> str | None:
        """Return the marker of a folder that the ledger does not know; without one, check that the folder may be new."""
        marker = self._read()
        if marker is None and not _may_be_new(session, self._folder):
            raise self._unavailable("is empty, but the ledger records archived files")
        return marker

    def _verify(self, recorded: str) -> None:
        found = self._read()
        if found is None:
            raise self._unavailable(f"lacks the file {MARKER}")
        if found != recorded:
            raise self._unavailable(f"is another archive's: its file {MARKER} has the id {found}, not {recorded}")
        self._verified = _identity(self._path)

    def _is_verified(self) -> bool:
        return self._verified is not None and _identity(self._path) == self._verified

    def _read(self) -> str | None:
        try:
            return self._path.read_text(encoding="utf-8", errors="replace").partition("\n")[0].strip()
        except FileNotFoundError:
            return None

    def _write(self, marker: str) -> None:
        make_folder(self._folder)
        with writing(self._path) as part:
            write_all(part, f"{marker}{EXPLANATION}".encode())
            os.fsync(part.fileno())
            part_path(self._path).replace(self._path)
        sync_folder(self._folder)

    def _unavailable(self, what: str) -> ServiceUnavailable:
        return ServiceUnavailable(self._service, self._url, f"its folder {what}; {REMEDY}")


def _recorded(session: Session, folder: Path) -> str | None:
    return session.scalar(select(ArchiveFolder.marker).where(ArchiveFolder.path == str(folder)))


def _may_be_new(session: Session, folder: Path) -> bool:
    """Return whether a folder without a marker may be used: it has files, or the ledger has no archived files yet."""
    if folder.is_dir() and any(folder.iterdir()):
        return True
    return not session.scalar(select(exists().where(File.state == FileState.ARCHIVED)))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - called for each file
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
