"""Which sources are moved: regular files below the listed folders, even if a folder is exchanged at the same moment."""

import errno
import json
import os
import stat
from collections.abc import Callable
from io import FileIO
from pathlib import Path

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from ingest.archiving.moves import source_location
from ingest.archiving.moves.source_folder import SourceFolder
from ingest.archiving.rejection import remove_all
from ingest.errors.types import InvalidSource, MoveFolderUnavailable, Rejection, SourceExchanged
from ingest.ledger.models import File
from ingest.services import Services
from ingest.services.archive import OpenFile
from ingest.services.archive_folder import FolderArchive
from ingest.settings.loading import Settings
from ingest.states.stages import STAGES, Kind, Stage
from tests.job_fixtures import MakeJob, OpenContext, RunStage
from tools.bundles import file_entry, transaction

pytestmark = pytest.mark.usefixtures("no_waiting")

CONTENT = b"measured"
SECRET = b"secrets!"
Move = Callable[..., int]


@pytest.fixture
def folder(settings: Settings) -> Path:
    """Return the folder that files may be moved from."""
    return settings.move_folders[0]


@pytest.fixture
def foreign_file(tmp_path: Path) -> Path:
    """Create a file outside the listed folders, with the size and the name of the source."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "one.raw").write_bytes(SECRET)
    return elsewhere / "one.raw"


@pytest.fixture
def prepare(make_job: MakeJob, run_stage: RunStage) -> Move:
    """Return a function that makes a job of one source, ready for the stage `move_files`."""

    def prepared(source: str | Path, content: bytes = CONTENT) -> int:
        entry = file_entry("data/one.raw", content, source=str(source))
        job_id = make_job(json.dumps([*transaction(), entry]).encode(), Kind.MOVE)
        for stage in STAGES[Kind.MOVE][:2]:
            run_stage(job_id, stage)
        return job_id

    return prepared


@pytest.fixture
def move(prepare: Move, run_stage: RunStage) -> Move:
    """Return a function that moves one source."""

    def moved(source: str | Path, content: bytes = CONTENT) -> int:
        job_id = prepare(source, content)
        run_stage(job_id, Stage.MOVE_FILES)
        return job_id

    return moved


def write(path: Path, content: bytes = CONTENT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def archived(engine: Engine, services: Services, job_id: int) -> list[bytes]:
    with Session(engine) as session:
        ids = session.scalars(select(File.file_id).where(File.job_id == job_id, File.state == "archived")).all()
    return [b"".join(services.archive.get(file_id or 0)) for file_id in ids]


def swap_for_link(folder: Path, target: Path) -> None:
    """Replace a folder by a symbolic link, as an account with write permission on its parent can."""
    folder.rename(folder.with_name("aside"))
    folder.symlink_to(target)


def test_source_below_a_listed_folder_is_moved(move: Move, folder: Path, services: Services, database_engine: Engine):
    job = move(write(folder / "a" / "b" / "one.raw"))
    assert archived(database_engine, services, job) == [CONTENT]


@pytest.mark.parametrize("name", ["a\nb.raw", "\x1b[2J.raw", "a b'\".raw", "日本.raw", "-rf", "one.raw:"])
def test_unusual_name_is_taken_literally(
    move: Move, folder: Path, services: Services, database_engine: Engine, name: str
):
    job = move(write(folder / name))
    assert archived(database_engine, services, job) == [CONTENT]
    assert not (folder / name).exists()


@pytest.mark.parametrize("form", ["{0}//one.raw", "/{0}/one.raw", "{0}/./one.raw", "{0}/one.raw/", "{0}/a/../one.raw"])
def test_other_spellings_of_a_path_name_the_same_source(
    move: Move, folder: Path, services: Services, database_engine: Engine, form: str
):
    write(folder / "one.raw")
    (folder / "a").mkdir()
    job = move(form.format(folder))
    assert archived(database_engine, services, job) == [CONTENT]


def test_listed_folder_may_be_a_symbolic_link(
    move: Move, folder: Path, services: Services, database_engine: Engine, tmp_path: Path
):
    folder.rename(tmp_path / "real")
    folder.symlink_to(tmp_path / "real")
    write(tmp_path / "real" / "one.raw")
    job = move(folder / "one.raw")
    assert archived(database_engine, services, job) == [CONTENT]


def test_symbolic_link_between_listed_folders_is_followed(
    move: Move, folder: Path, services: Services, database_engine: Engine
):
    write(folder / "real" / "one.raw")
    (folder / "link").symlink_to(folder / "real")
    job = move(folder / "link" / "one.raw")
    assert archived(database_engine, services, job) == [CONTENT]


@pytest.mark.parametrize(
    "form", ["{elsewhere}/one.raw", "{folder}/../elsewhere/one.raw", "{folder}", "{folder}/", "/", "//"]
)
def test_source_outside_the_listed_folders_is_refused(move: Move, folder: Path, foreign_file: Path, form: str):
    with pytest.raises(InvalidSource, match="source_outside_folders"):
        move(form.format(folder=folder, elsewhere=foreign_file.parent), SECRET)
    assert foreign_file.read_bytes() == SECRET


@pytest.mark.parametrize("form", ["one.raw", "../one.raw", "", "./one.raw", "~/one.raw"])
def test_source_that_is_no_absolute_path_is_refused(move: Move, form: str):
    with pytest.raises(Rejection, match="source_malformed"):
        move(form)


def test_folder_that_becomes_a_link_between_check_and_opening_is_refused(
    prepare: Move, run_stage: RunStage, folder: Path, foreign_file: Path, monkeypatch: pytest.MonkeyPatch
):
    write(folder / "run" / "one.raw", SECRET)
    job = prepare(folder / "run" / "one.raw", SECRET)
    open_below = source_location._open_below

    def swapped(top: Path, resolved: Path, *, create: bool) -> int:
        swap_for_link(folder / "run", foreign_file.parent)
        return open_below(top, resolved, create=create)

    monkeypatch.setattr(source_location, "_open_below", swapped)
    with pytest.raises(InvalidSource, match="source_unreadable"):
        run_stage(job, Stage.MOVE_FILES)
    assert foreign_file.read_bytes() == SECRET


def test_folder_that_becomes_a_link_after_the_check_leaves_nothing_in_the_target_of_the_link(
    prepare: Move,
    run_stage: RunStage,
    folder: Path,
    foreign_file: Path,
    services: Services,
    database_engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
):
    write(folder / "run" / "one.raw")
    job = prepare(folder / "run" / "one.raw")
    link = SourceFolder.link_file

    def swapped(self: SourceFolder, file: FileIO, new: str) -> None:
        swap_for_link(folder / "run", foreign_file.parent)
        link(self, file, new)

    monkeypatch.setattr(SourceFolder, "link_file", swapped)
    run_stage(job, Stage.MOVE_FILES)
    assert archived(database_engine, services, job) == [CONTENT]
    assert {path.name: path.read_bytes() for path in foreign_file.parent.iterdir()} == {"one.raw": SECRET}
    assert [path.name[0] for path in (folder / "aside").iterdir()] == ["."]


@pytest.mark.parametrize("exchange", ["another file", "a symbolic link", "a pipe"])
def test_source_that_is_exchanged_before_the_archive_takes_it_is_archived_as_checked(
    prepare: Move,
    run_stage: RunStage,
    folder: Path,
    foreign_file: Path,
    services: Services,
    database_engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    exchange: str,
):
    source = write(folder / "one.raw")
    job = prepare(source)
    take = FolderArchive.move

    def exchanged(self: FolderArchive, file_id: int, opened: OpenFile) -> None:
        source.unlink()
        if exchange == "another file":
            foreign_file.rename(source)
        elif exchange == "a symbolic link":
            source.symlink_to(foreign_file)
        else:
            os.mkfifo(source)
        take(self, file_id, opened)

    monkeypatch.setattr(FolderArchive, "move", exchanged)
    run_stage(job, Stage.MOVE_FILES)
    assert archived(database_engine, services, job) == [CONTENT]
    if exchange == "a pipe":
        assert stat.S_ISFIFO(source.lstat().st_mode)
    else:
        assert source.read_bytes() == SECRET


def no_link(*_: object) -> None:
    raise PermissionError


def test_hidden_link_of_another_move_is_refused(move: Move, folder: Path):
    with pytest.raises(InvalidSource, match="source_is_ours"):
        move(write(folder / ".pacifica-ingest-7"))


@pytest.fixture
def everything_is_listed(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """List a folder that contains the spool, the archive and the home of the service."""
    monkeypatch.setenv("INGEST_HOME", str(tmp_path / "home"))
    object.__setattr__(settings, "move_folders", (tmp_path,))


@pytest.mark.parametrize("own", ["spool", "archive", "archive/0000000/000", "home", "home/airflow"])
def test_source_among_the_files_of_the_service_is_refused(
    move: Move, tmp_path: Path, everything_is_listed: None, own: str
):
    source = write(tmp_path / own / "one.raw")
    with pytest.raises(InvalidSource, match="source_is_ours"):
        move(source)
    assert source.read_bytes() == CONTENT


def test_listed_folder_in_the_home_of_the_service_is_accepted(
    move: Move,
    settings: Settings,
    tmp_path: Path,
    services: Services,
    database_engine: Engine,
    everything_is_listed: None,
):
    object.__setattr__(settings, "move_folders", (tmp_path, tmp_path / "home" / "move"))
    job = move(write(tmp_path / "home" / "move" / "one.raw"))
    assert archived(database_engine, services, job) == [CONTENT]


@pytest.mark.parametrize("kind", ["folder", "socket", "device"])
def test_source_that_is_no_file_is_refused(move: Move, folder: Path, kind: str):
    source = folder / "one.raw"
    if kind == "folder":
        source.mkdir()
    elif kind == "socket":
        os.mknod(source, 0o140600)
    elif os.geteuid() == 0:
        os.mknod(source, 0o020600, os.makedev(1, 3))
    else:
        pytest.skip("only root can make a device")
    with pytest.raises(InvalidSource, match="source_not_regular"):
        move(source)


def test_listed_folder_that_is_not_mounted_is_no_fault_of_the_uploader(move: Move, folder: Path):
    folder.rmdir()
    with pytest.raises(MoveFolderUnavailable):
        move(folder / "run" / "one.raw")


def test_loop_of_links_is_refused(move: Move, folder: Path):
    (folder / "loop").symlink_to(folder / "loop")
    with pytest.raises(InvalidSource, match="source_unreadable"):
        move(folder / "loop" / "one.raw")


@pytest.mark.parametrize("links", [True, False])
def test_moved_file_is_not_restored_through_a_link(
    move: Move,
    open_context: OpenContext,
    folder: Path,
    foreign_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    links: bool,
):
    if not links:
        monkeypatch.setattr(SourceFolder, "link_file", no_link)
    job = move(write(folder / "run" / "two.raw"))
    swap_for_link(folder / "run", foreign_file.parent)
    with pytest.raises(MoveFolderUnavailable), open_context(job, Stage.MOVE_FILES) as context:
        remove_all(context)
    assert [path.name for path in foreign_file.parent.iterdir()] == ["one.raw"]
    (folder / "run").unlink()
    (folder / "aside").rename(folder / "run")
    with open_context(job, Stage.MOVE_FILES) as context:
        remove_all(context)
    assert {path.name: path.read_bytes() for path in (folder / "run").iterdir()} == {"two.raw": CONTENT}


def test_file_that_was_archived_by_mistake_is_restored_for_the_service_only(
    prepare: Move,
    run_stage: RunStage,
    open_context: OpenContext,
    folder: Path,
    foreign_file: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    source = write(folder / "one.raw")
    job = prepare(source)
    take = FolderArchive.move

    def by_path(self: FolderArchive, file_id: int, opened: OpenFile) -> None:
        foreign_file.rename(opened.path)
        with opened.path.open("rb", buffering=0) as file:
            take(self, file_id, OpenFile(opened.path, file))
        opened.path.unlink()

    with monkeypatch.context() as patch:
        patch.setattr(FolderArchive, "move", by_path)
        with pytest.raises(SourceExchanged):
            run_stage(job, Stage.MOVE_FILES)
    with open_context(job, Stage.MOVE_FILES) as context:
        remove_all(context)
    beside = folder / f"one.raw.job-{job}"
    assert (source.read_bytes(), beside.read_bytes()) == (CONTENT, SECRET)
    assert beside.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE, errno.EMFILE])
@pytest.mark.parametrize("failing", ["open", "find"])
def test_storage_that_cannot_be_read_for_a_while_is_no_fault_of_the_uploader(
    move: Move, folder: Path, monkeypatch: pytest.MonkeyPatch, code: int, failing: str
):
    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(SourceFolder, failing, fail)
    with pytest.raises(MoveFolderUnavailable, match="cannot be read"):
        move(write(folder / "one.raw"))
    assert (folder / "one.raw").read_bytes() == CONTENT
