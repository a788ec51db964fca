"""The marker of the built-in archive: a folder without it is not used, once the archive was used."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, select
from sqlalchemy.orm import Session

from ingest.errors.types import ServiceUnavailable
from ingest.ledger.models import ArchiveFolder, File, FileState, Job
from ingest.services import archive_marker
from ingest.services.archive import OpenFile
from ingest.services.archive_folder import FolderArchive
from ingest.services.archive_marker import MARKER, ArchiveMarker
from tests.services.archive_folders import BLOCK, files, get, put
from tests.small_disk import small_disk

LACKS = f"its folder lacks the file {MARKER}; mount its disk"
Call = Callable[[FolderArchive], object]


@pytest.fixture
def engine(separate_engine: Engine) -> Engine:
    return separate_engine


@pytest.fixture
def make(folder: Path, engine: Engine) -> Callable[[], FolderArchive]:
    """Return a function that returns the archive as a new process uses it."""
    return lambda: FolderArchive(folder.as_uri(), BLOCK, engine)


def recorded(engine: Engine) -> dict[str, str]:
    with Session(engine) as session:
        return {row.path: row.marker for row in session.scalars(select(ArchiveFolder))}


def archive_a_file(engine: Engine) -> None:
    """Record an archived file in the ledger."""
    with engine.begin() as connection:
        connection.execute(insert(Job).values(id=1, kind="ingest", submitted_by="ada", spool_name="1.tar", size=1))
        connection.execute(insert(File).values(job_id=1, path="data/a", file_id=1, state=FileState.ARCHIVED))


def move(archive: FolderArchive, source: Path) -> None:
    source.write_bytes(b"moved")
    with source.open("rb") as file:
        archive.move(6, OpenFile(source, file))


def test_first_file_creates_and_marks_the_folder(make: Callable[[], FolderArchive], folder: Path, engine: Engine):
    folder.rmdir()
    put(make(), 5, b"x")
    [marker] = recorded(engine).values()
    assert (folder / MARKER).read_text().splitlines()[0] == marker
    put(make(), 6, b"x")
    assert recorded(engine) == {str(folder): marker}
    assert files(folder) == ["5", "6"]


def test_reading_does_not_mark_a_folder(make: Callable[[], FolderArchive], folder: Path, engine: Engine):
    folder.rmdir()
    archive = make()
    assert (archive.holds(5), archive.size(5), list(archive.listing())) == (False, None, [])
    archive.delete(5)
    assert recorded(engine) == {}
    assert not folder.exists()


def test_marker_is_not_listed(make: Callable[[], FolderArchive], folder: Path):
    put(make(), 5, b"x")
    assert [file.file_id for file in make().listing()] == [5]


CALLS: dict[str, Call] = {
    "put": lambda archive: put(archive, 6, b"x"),
    "put into a known folder": lambda archive: put(archive, 5, b"x"),
    "sync": lambda archive: archive.sync([5]),
    "size": lambda archive: archive.size(5),
    "holds": lambda archive: archive.holds(5),
    "get": lambda archive: get(archive, 5),
    "delete": lambda archive: archive.delete(5),
    "listing": lambda archive: list(archive.listing()),
}


@pytest.mark.parametrize("in_same_process", [True, False])
@pytest.mark.parametrize("is_recreated", [True, False])
@pytest.mark.parametrize("call", CALLS.values(), ids=list(CALLS))
def test_folder_that_vanished_is_service_unavailable_and_stays_empty(
    make: Callable[[], FolderArchive], folder: Path, call: Call, is_recreated: bool, in_same_process: bool
):
    archive = make()
    put(archive, 5, b"x")
    folder.rename(folder.with_name("disk"))
    if is_recreated:
        folder.mkdir()
    with pytest.raises(ServiceUnavailable, match=LACKS):
        call(archive if in_same_process else make())
    assert not folder.exists() or list(folder.iterdir()) == []
    shutil.rmtree(folder, ignore_errors=True)
    folder.with_name("disk").rename(folder)
    call(make())


@pytest.mark.parametrize("in_same_process", [True, False])
def test_move_into_a_folder_that_vanished_is_service_unavailable(
    make: Callable[[], FolderArchive], folder: Path, tmp_path: Path, in_same_process: bool
):
    archive = make()
    put(archive, 5, b"x")
    folder.rename(folder.with_name("disk"))
    folder.mkdir()
    with pytest.raises(ServiceUnavailable, match=LACKS):
        move(archive if in_same_process else make(), tmp_path / "source")
    assert files(folder) == []


def test_disk_that_is_unmounted_between_put_and_sync_is_service_unavailable(engine: Engine, tmp_path: Path):
    with small_disk(tmp_path / "disk", 256 * BLOCK) as disk:
        folder = tmp_path / "archive"
        folder.symlink_to(disk)
        archive = FolderArchive(folder.as_uri(), BLOCK, engine)
        put(archive, 5, b"x")
        folder.unlink()
        folder.mkdir()
        with pytest.raises(ServiceUnavailable, match=LACKS):
            archive.sync([5])
        archive.close()


def test_marker_of_another_archive_is_service_unavailable(
    make: Callable[[], FolderArchive], folder: Path, tmp_path: Path, engine: Engine
):
    put(make(), 5, b"x")
    other = tmp_path / "other"
    put(FolderArchive(other.as_uri(), BLOCK, engine), 5, b"x")
    shutil.rmtree(folder)
    other.rename(folder)
    with pytest.raises(ServiceUnavailable, match="is another archive's"):
        put(make(), 5, b"x")


def test_folder_of_an_earlier_version_gets_its_marker(make: Callable[[], FolderArchive], folder: Path, engine: Engine):
    put(FolderArchive(folder.as_uri(), BLOCK), 5, b"x")
    archive_a_file(engine)
    archive = make()
    assert archive.size(5) == 1
    put(archive, 6, b"x")
    assert list(recorded(engine)) == [str(folder)]


@pytest.mark.parametrize("exists", [True, False])
def test_empty_folder_is_not_marked_after_an_upgrade_if_files_were_archived(
    make: Callable[[], FolderArchive], folder: Path, engine: Engine, exists: bool
):
    if not exists:
        folder.rmdir()
    archive_a_file(engine)
    with pytest.raises(ServiceUnavailable, match="its folder is empty, but the ledger records archived files; mount"):
        put(make(), 5, b"x")
    assert (recorded(engine), folder.exists()) == ({}, exists)


@pytest.mark.parametrize("call", CALLS.values(), ids=list(CALLS))
def test_another_folder_in_the_settings_that_is_empty_is_service_unavailable(
    make: Callable[[], FolderArchive], folder: Path, engine: Engine, call: Call
):
    put(make(), 5, b"x")
    archive_a_file(engine)
    other = folder.with_name("not mounted")
    other.mkdir()
    with pytest.raises(ServiceUnavailable, match="its folder is empty, but the ledger records archived files"):
        call(FolderArchive(other.as_uri(), BLOCK, engine))
    assert list(other.iterdir()) == []
    assert list(recorded(engine)) == [str(folder)]


def test_folder_that_was_moved_keeps_its_marker(make: Callable[[], FolderArchive], folder: Path, engine: Engine):
    put(make(), 5, b"x")
    moved = folder.rename(folder.with_name("moved"))
    archive = FolderArchive(moved.as_uri(), BLOCK, engine)
    put(archive, 6, b"x")
    assert len(set(recorded(engine).values())) == 1


def test_process_that_dies_between_marker_and_commit_changes_nothing_for_the_next_one(
    make: Callable[[], FolderArchive], folder: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    def die(_folder: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(archive_marker, "sync_folder", die)
        with pytest.raises(KeyboardInterrupt):
            put(make(), 5, b"x")
    assert recorded(engine) == {}
    marker = (folder / MARKER).read_text().splitlines()[0]
    put(make(), 5, b"x")
    assert recorded(engine) == {str(folder): marker}


def test_two_processes_that_mark_a_folder_agree(
    make: Callable[[], FolderArchive], folder: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    marked: list[bool] = []
    may_be_new = archive_marker._may_be_new

    def lose_the_race(session: Session, path: Path) -> bool:
        if not marked:
            marked.append(True)
            put(make(), 6, b"x")
        return may_be_new(session, path)

    monkeypatch.setattr(archive_marker, "_may_be_new", lose_the_race)
    put(make(), 5, b"x")
    [marker] = recorded(engine).values()
    assert (folder / MARKER).read_text().splitlines()[0] == marker
    assert files(folder) == ["5", "6"]


@pytest.mark.parametrize("is_another", [True, False])
def test_accepted_folder_is_used(make: Callable[[], FolderArchive], folder: Path, engine: Engine, is_another: bool):
    put(make(), 5, b"x")
    (folder / MARKER).unlink()
    if is_another:
        (folder / MARKER).write_text("another id\n")
    ArchiveMarker("archive", folder.as_uri(), engine).accept()
    put(make(), 6, b"x")
    assert files(folder) == ["5", "6"]
