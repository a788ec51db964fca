"""Moving files: a kill at any step loses nothing, and the archived bytes are the hashed ones."""

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import Engine

from ingest.archiving.moves import move
from ingest.archiving.moves.checked_source import Source
from ingest.archiving.moves.source_folder import SourceFolder
from ingest.errors.types import InvalidSource, MoveFolderUnavailable
from ingest.services import Services
from ingest.services.archive import OpenFile
from ingest.services.archive_folder import FolderArchive
from ingest.states.stages import Stage
from tests.archiving.moves.contents import CONTENTS, STEPS, archived, files_in, stored_files, visible_files_in
from tests.job_fixtures import OpenContext, RunStage
from tests.killing import Killed, kill_at_step

pytestmark = pytest.mark.usefixtures("no_waiting")

MakeMove = Callable[[dict[Path, bytes]], int]


@pytest.mark.parametrize("kill_at", range(28))
def test_after_a_kill_between_any_two_steps_of_a_move_the_next_process_ends_the_same(
    job: int,
    run_stage: RunStage,
    open_context: OpenContext,
    services: Services,
    database_engine: Engine,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    kill_at: int,
):
    with monkeypatch.context() as killing, suppress(Killed), open_context(job, Stage.MOVE_FILES) as context:
        kill_at_step(killing, kill_at, STEPS)
        move.send_sources(context)
        raise AssertionError("no step was killed")
    run_stage(job, Stage.MOVE_FILES)
    assert archived(database_engine, services, job) == CONTENTS
    assert visible_files_in(folder) == {}
    run_stage(job, Stage.INGEST_METADATA)
    assert files_in(folder) == {}


@pytest.mark.parametrize("links", [True, False])
def test_source_that_is_changed_between_its_hash_and_its_move_is_never_cataloged(
    job: int, run_stage: RunStage, folder: Path, monkeypatch: pytest.MonkeyPatch, links: bool
):
    link = move._link

    def write_between(source: Source, hidden: str) -> bool:
        kept = links and link(source, hidden)
        source.path.write_bytes(b"ONE" * 100)
        return kept

    monkeypatch.setattr(move, "_link", write_between)
    with pytest.raises(InvalidSource, match="was changed"):
        run_stage(job, Stage.MOVE_FILES)


def arrange(request: pytest.FixtureRequest, links: str, place: str) -> None:
    for circumstance in {links, place} - {"with_links", "same_device"}:
        request.getfixturevalue(circumstance)


def at_the_moment_of_the_move(monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None]) -> None:
    """Change a source immediately before the archive receives it."""
    move = FolderArchive.move

    def change_and_move(archive: FolderArchive, file_id: int, source: OpenFile) -> None:
        if source.path.name == "one.raw":
            change(source.path)
        move(archive, file_id, source)

    monkeypatch.setattr(FolderArchive, "move", change_and_move)


def write_again(source: Path) -> None:
    source.write_bytes(b"ONE" * 100)


@pytest.mark.parametrize("place", ["same_device", "other_device"])
@pytest.mark.parametrize("links", ["with_links", "without_links"])
def test_source_that_is_written_during_its_move_is_never_cataloged(
    job: int,
    run_stage: RunStage,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    links: str,
    place: str,
):
    arrange(request, links, place)
    at_the_moment_of_the_move(monkeypatch, write_again)
    with pytest.raises(InvalidSource, match="was changed"):
        run_stage(job, Stage.MOVE_FILES)
    assert visible_files_in(folder) == {**CONTENTS, "one.raw": b"ONE" * 100}


@pytest.mark.parametrize("place", ["same_device", "other_device"])
@pytest.mark.parametrize("links", ["with_links", "without_links"])
def test_file_that_replaces_a_source_during_its_move_is_left_there(
    job: int,
    run_stage: RunStage,
    services: Services,
    database_engine: Engine,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    links: str,
    place: str,
):
    """The hashed file is archived; the file that replaced it stays."""

    def replace_by_another(source: Path) -> None:
        (folder / "other").write_bytes(b"ONE" * 100)
        (folder / "other").rename(source)

    arrange(request, links, place)
    at_the_moment_of_the_move(monkeypatch, replace_by_another)
    run_stage(job, Stage.MOVE_FILES)
    assert archived(database_engine, services, job) == CONTENTS
    assert visible_files_in(folder) == {"one.raw": b"ONE" * 100}
    run_stage(job, Stage.INGEST_METADATA)
    assert files_in(folder) == {"one.raw": b"ONE" * 100}


def put_folder(source: Path) -> None:
    source.unlink()
    source.mkdir()


def put_link(source: Path) -> None:
    source.unlink()
    source.symlink_to("two.raw")


@pytest.mark.parametrize("change", [put_folder, put_link, Path.unlink])
def test_entry_that_is_not_a_file_in_place_of_a_source_is_left_there(
    job: int,
    run_stage: RunStage,
    services: Services,
    database_engine: Engine,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Path], None],
):
    at_the_moment_of_the_move(monkeypatch, change)
    run_stage(job, Stage.MOVE_FILES)
    assert archived(database_engine, services, job) == CONTENTS
    names = {path.name: path.is_dir() or path.is_symlink() for path in folder.iterdir() if path.name[0] != "."}
    assert names == ({} if change is Path.unlink else {"one.raw": True})


def test_folder_that_cannot_be_written_to_is_named_before_anything_is_archived(
    job: int, run_stage: RunStage, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(SourceFolder, "link_file", refuse)
    with pytest.raises(MoveFolderUnavailable, match=f"belongs to account {folder.stat().st_uid}"):
        run_stage(job, Stage.MOVE_FILES)
    assert visible_files_in(folder) == CONTENTS
    assert stored_files(tmp_path / "archive") == []


def test_source_with_other_hard_links_is_moved(job: int, run_stage: RunStage, folder: Path, tmp_path: Path):
    os.link(folder / "one.raw", tmp_path / "snapshot")
    run_stage(job, Stage.MOVE_FILES)
    assert visible_files_in(folder) == {}
    assert (tmp_path / "snapshot").read_bytes() == CONTENTS["one.raw"]


def test_move_to_another_device_is_hashed_there(
    job: int, run_stage: RunStage, services: Services, database_engine: Engine, folder: Path, other_device: None
):
    run_stage(job, Stage.MOVE_FILES)
    assert archived(database_engine, services, job) == CONTENTS
    assert visible_files_in(folder) == {}


def test_symbolic_link_is_refused_as_a_source(job: int, run_stage: RunStage, folder: Path, tmp_path: Path):
    (tmp_path / "secret").write_bytes(CONTENTS["one.raw"])
    (folder / "one.raw").unlink()
    (folder / "one.raw").symlink_to(tmp_path / "secret")
    with pytest.raises(InvalidSource, match=r"one\.raw"):
        run_stage(job, Stage.MOVE_FILES)
    assert (tmp_path / "secret").exists()


def test_pipe_is_refused_without_waiting_for_a_writer(job: int, run_stage: RunStage, folder: Path):
    (folder / "one.raw").unlink()
    os.mkfifo(folder / "one.raw")
    with pytest.raises(InvalidSource, match="not a regular file"):
        run_stage(job, Stage.MOVE_FILES)


def test_link_out_of_the_listed_folders_is_refused(
    make_move: MakeMove, run_stage: RunStage, folder: Path, tmp_path: Path
):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").write_bytes(b"x")
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    job_id = make_move({folder / "link" / "file": b"x"})
    with pytest.raises(InvalidSource, match="none of the folders"):
        run_stage(job_id, Stage.MOVE_FILES)
