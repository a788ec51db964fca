"""The sources for tests of moves, and readers of the contents of the archive and of folders."""

from pathlib import Path

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from ingest.archiving.moves import move, restore, source_names
from ingest.archiving.moves.source_folder import SourceFolder
from ingest.ledger.models import File
from ingest.services import Services
from ingest.services.archive_folder import FolderArchive
from ingest.services.archive_marker import MARKER
from tests.killing import Patch

CONTENTS = {"one.raw": b"one" * 100, "two.raw": b"two" * 100}
# Where a process can be killed.
STEPS: list[Patch] = [
    (move, "mark_moving"),
    (move, "mark_moved"),
    (move, "_link"),
    (SourceFolder, "rename"),
    (SourceFolder, "remove"),
    (restore, "mark_restoring"),
    (restore, "mark_restored"),
    (source_names, "_name"),
    (FolderArchive, "move"),
    (FolderArchive, "delete"),
]


def archived(engine: Engine, services: Services, job_id: int) -> dict[str, bytes]:
    with Session(engine) as session:
        files = session.scalars(select(File).where(File.job_id == job_id, File.state == "archived")).all()
    return {file.path: b"".join(services.archive.get(file.file_id or 0)) for file in files}


def stored_files(archive: Path) -> list[Path]:
    return [path for path in archive.rglob("*") if path.is_file() and path.name != MARKER]


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def visible_files_in(folder: Path) -> dict[str, bytes]:
    return {name: content for name, content in files_in(folder).items() if not name.startswith(".")}
