"""A folder that is exchanged for a link while its files are moved: nothing that another user has archived is touched."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from ingest.archiving.rejection import remove_all
from ingest.errors.types import IngestError
from ingest.ledger.models import File
from ingest.services import Services
from ingest.services.archive_listing import posix_name
from ingest.settings.loading import Settings
from ingest.settings.move_rules import MoveRule
from ingest.states.stages import Stage
from tests.archiving.moves.exchanging import exchanging
from tests.job_fixtures import OpenContext, RunStage
from tools.pacifica_core.core import Core
from tools.pacifica_core.services import ARCHIVE

pytestmark = pytest.mark.usefixtures("no_waiting")

JOBS = 20
ARCHIVED = b"what another user has archived"
MakeMove = Callable[[dict[Path, bytes]], int]


@pytest.fixture(params=["built-in", pytest.param("core", marks=pytest.mark.core)])
def archive_folder(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> Path:
    """Return the archive's folder: of the built-in archive, or of a real ArchiveInterface that runs as root."""
    if request.param == "built-in":
        return tmp_path / "archive"
    core: Core = request.getfixturevalue("core")
    (tmp_path / "staging").mkdir(mode=0o700)
    object.__setattr__(settings, "archiveinterface_url", core.url(ARCHIVE))
    object.__setattr__(settings, "move_staging", (tmp_path / "staging",))
    return core.services[ARCHIVE].archive


@pytest.fixture
def victim(
    archive_folder: Path, make_move: MakeMove, run_stage: RunStage, settings: Settings, database_engine: Engine
) -> int:
    """Return the id of a file that another user has archived."""
    source = settings.move_folders[0] / "measured.raw"
    source.write_bytes(ARCHIVED)
    job_id = make_move({source: ARCHIVED})
    run_stage(job_id, Stage.MOVE_FILES)
    with Session(database_engine) as session:
        [file_id] = session.scalars(select(File.file_id).where(File.job_id == job_id))
    return file_id or 0


@pytest.fixture
def victims_path(victim: int, archive_folder: Path) -> Path:
    """Return the path of the file in the archive."""
    posix = archive_folder / posix_name(victim)
    return posix if posix.exists() else next(archive_folder.rglob(str(victim)))


@pytest.fixture
def run(settings: Settings, victims_path: Path) -> Iterator[Path]:
    """Yield a folder of sources that is repeatedly exchanged for a link to the folder in the archive."""
    run, link = settings.move_folders[0] / "run", settings.move_folders[0] / "other"
    run.mkdir()
    link.symlink_to(victims_path.parent)
    with exchanging(run, link):
        yield run


def test_archived_file_of_another_user_stays_in_its_place(
    run: Path,
    victim: int,
    victims_path: Path,
    make_move: MakeMove,
    run_stage: RunStage,
    open_context: OpenContext,
    services: Services,
    settings: Settings,
):
    moved, stored = 0, set(victims_path.parent.iterdir())
    folder = open_real_folder(settings.move_folders[0])
    try:
        for number in range(JOBS):
            content = f"source {number}".encode()
            write(folder, victims_path.name, content)
            job = make_move({run / victims_path.name: content})
            with suppress(IngestError):
                run_stage(job, Stage.MOVE_FILES)
                moved += 1
            assert b"".join(services.archive.get(victim)) == ARCHIVED
            with suppress(IngestError), open_context(job, Stage.MOVE_FILES) as context:
                remove_all(context)
            assert b"".join(services.archive.get(victim)) == ARCHIVED
            assert stored <= set(victims_path.parent.iterdir())
    finally:
        os.close(folder)
    assert moved > 0, "no file was ever moved into the archive"


def open_real_folder(parent: Path) -> int:
    """Open the folder, whichever of the two names it has now."""
    while True:
        for name in ("run", "other"):
            with suppress(OSError):
                return os.open(parent / name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)


def write(folder: int, name: str, content: bytes) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)
    with os.fdopen(os.open(name, os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=folder), "wb") as file:
        file.write(content)


def test_file_in_another_users_folder_is_never_moved_through_an_exchanged_folder(
    make_move: MakeMove, run_stage: RunStage, open_context: OpenContext, settings: Settings
):
    """A move document needs only the size and the hash of a file, which may be known."""
    folder = settings.move_folders[0]
    object.__setattr__(settings, "authentication", "proxy")
    # `make_move` makes jobs of this user.
    object.__setattr__(settings, "move_rules", (MoveRule(("ada",), f"{folder}/ada"),))
    for path in (folder / "ada" / "run", folder / "otto"):
        path.mkdir(parents=True)
    (folder / "otto" / "one.raw").write_bytes(ARCHIVED)
    (folder / "ada" / "link").symlink_to(folder / "otto")
    with exchanging(folder / "ada" / "run", folder / "ada" / "link"):
        for _ in range(JOBS):
            job = make_move({folder / "ada" / "run" / "one.raw": ARCHIVED})
            with pytest.raises(IngestError):
                run_stage(job, Stage.MOVE_FILES)
            with suppress(IngestError), open_context(job, Stage.MOVE_FILES) as context:
                remove_all(context)
            assert {path.name: path.read_bytes() for path in (folder / "otto").iterdir()} == {"one.raw": ARCHIVED}
