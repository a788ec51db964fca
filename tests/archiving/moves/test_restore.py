"""Restoring the sources of a move: no only copy is deleted from the archive, and no file is overwritten."""

import errno
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from ingest.archiving.moves import move
from ingest.archiving.moves.source_folder import SourceFolder
from ingest.archiving.rejection import remove_all
from ingest.errors.types import InvalidSource, MoveFolderUnavailable, ServiceUnavailable
from ingest.services.archive import OpenFile
from ingest.services.archive_folder import FolderArchive
from ingest.states.stages import Stage
from tests.archiving.moves.contents import CONTENTS, STEPS, files_in, stored_files, visible_files_in
from tests.job_fixtures import OpenContext, RunStage
from tests.killing import Killed, kill_at_step

pytestmark = pytest.mark.usefixtures("no_waiting")

MakeMove = Callable[[dict[Path, bytes]], int]
NEW = b"another measurement of the same name"


def restore_all(open_context: OpenContext, job: int) -> None:
    with open_context(job, Stage.MOVE_FILES) as context:
        remove_all(context)
        context.lease.finish_stage()


def arrange(request: pytest.FixtureRequest, links: bool) -> None:
    if not links:
        request.getfixturevalue("without_links")


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("kill_at", [None, *range(36)])
def test_after_a_kill_between_any_two_steps_of_a_restore_the_next_process_ends_the_same(
    job: int,
    run_stage: RunStage,
    open_context: OpenContext,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    kill_at: int | None,
    links: bool,
):
    arrange(request, links)
    run_stage(job, Stage.MOVE_FILES)
    assert visible_files_in(folder) == {}
    if kill_at is not None:
        with monkeypatch.context() as killing, suppress(Killed), open_context(job, Stage.MOVE_FILES) as context:
            kill_at_step(killing, kill_at, STEPS)
            remove_all(context)
            raise AssertionError("no step was killed")
    restore_all(open_context, job)
    assert files_in(folder) == CONTENTS
    assert stored_files(tmp_path / "archive") == []


def test_late_unanswered_deletion_removes_no_source_that_was_moved_again(
    job: int, run_stage: RunStage, open_context: OpenContext, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    run_stage(job, Stage.MOVE_FILES)
    requests: list[tuple[FolderArchive, int]] = []

    def never_answer(archive: FolderArchive, file_id: int) -> None:
        requests.append((archive, file_id))
        raise ServiceUnavailable("archive", "http://archive", "timed out")

    with monkeypatch.context() as unresponsive:
        unresponsive.setattr(FolderArchive, "delete", never_answer)
        with pytest.raises(ServiceUnavailable):
            restore_all(open_context, job)
    run_stage(job, Stage.MOVE_FILES)
    [(archive, file_id)] = requests
    archive.delete(file_id)
    assert len(stored_files(tmp_path / "archive")) == len(CONTENTS)


@pytest.mark.parametrize("links", [True, False])
def test_file_that_was_written_again_meanwhile_is_not_overwritten(
    job: int, run_stage: RunStage, open_context: OpenContext, folder: Path, request: pytest.FixtureRequest, links: bool
):
    arrange(request, links)
    run_stage(job, Stage.MOVE_FILES)
    (folder / "one.raw").write_bytes(NEW)
    restore_all(open_context, job)
    assert files_in(folder) == {
        "one.raw": NEW, f"one.raw.job-{job}": CONTENTS["one.raw"], "two.raw": CONTENTS["two.raw"]
    }  # fmt: skip


@pytest.mark.parametrize("links", [True, False])
def test_existing_file_with_the_name_for_a_conflict_is_not_overwritten(
    job: int, run_stage: RunStage, open_context: OpenContext, folder: Path, request: pytest.FixtureRequest, links: bool
):
    arrange(request, links)
    run_stage(job, Stage.MOVE_FILES)
    (folder / "one.raw").write_bytes(NEW)
    (folder / f"one.raw.job-{job}").write_bytes(b"kept by somebody")
    restore_all(open_context, job)
    assert files_in(folder) == {
        "one.raw": NEW,
        f"one.raw.job-{job}": b"kept by somebody",
        f"one.raw.job-{job}-2": CONTENTS["one.raw"],
        "two.raw": CONTENTS["two.raw"],
    }


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("place", ["same_device", "other_device"])
def test_source_that_grew_during_its_move_is_restored_with_all_its_bytes(
    job: int,
    run_stage: RunStage,
    open_context: OpenContext,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    links: bool,
    place: str,
):
    arrange(request, links)
    if place == "other_device":
        request.getfixturevalue(place)
    move = FolderArchive.move

    def grow_and_move(archive: FolderArchive, file_id: int, source: OpenFile) -> None:
        with source.path.open("ab") as file:
            file.write(b" and more")
        move(archive, file_id, source)

    with monkeypatch.context() as growing:
        growing.setattr(FolderArchive, "move", grow_and_move)
        with pytest.raises(ServiceUnavailable, match="moved again"):
            run_stage(job, Stage.MOVE_FILES)
    with pytest.raises(InvalidSource, match="309 bytes"):
        run_stage(job, Stage.MOVE_FILES)
    restore_all(open_context, job)
    assert visible_files_in(folder) == {**CONTENTS, "one.raw": CONTENTS["one.raw"] + b" and more"}


@pytest.mark.parametrize("new", [NEW, b"ONE" * 100])
@pytest.mark.parametrize("when", ["before it is moved", "while its name is removed"])
def test_file_that_took_the_place_of_the_source_at_the_last_moment_is_not_lost(
    job: int,
    run_stage: RunStage,
    open_context: OpenContext,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    new: bytes,
    when: str,
):
    rename = SourceFolder.rename

    def replace() -> None:
        (folder / "other").write_bytes(new)
        (folder / "other").rename(folder / "one.raw")

    def replace_and_die(within: SourceFolder, name: str, hidden: str) -> None:
        replace()
        rename(within, name, hidden)
        raise Killed

    def replace_and_move(archive: FolderArchive, file_id: int, source: OpenFile) -> None:
        replace()
        raise Killed

    with monkeypatch.context() as replacing, suppress(Killed):
        if when == "before it is moved":
            replacing.setattr(FolderArchive, "move", replace_and_move)
        else:
            replacing.setattr(SourceFolder, "rename", replace_and_die)
        run_stage(job, Stage.MOVE_FILES)
    restore_all(open_context, job)
    assert files_in(folder) == {**CONTENTS, "one.raw": new, f"one.raw.job-{job}": CONTENTS["one.raw"]}
    assert stored_files(tmp_path / "archive") == []


def test_partial_copy_in_the_archive_is_deleted(
    job: int,
    run_stage: RunStage,
    open_context: OpenContext,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
):
    def copy_a_part(archive: FolderArchive, file_id: int, source: OpenFile) -> None:
        with source.path.open("rb") as file:
            archive.put(file_id, file, 300)
        path = next(iter(stored_files(tmp_path / "archive")))
        os.truncate(path, 100)
        raise Killed

    with monkeypatch.context() as killing, suppress(Killed):
        killing.setattr(FolderArchive, "move", copy_a_part)
        run_stage(job, Stage.MOVE_FILES)
    restore_all(open_context, job)
    assert files_in(folder) == CONTENTS


def test_folder_that_was_removed_meanwhile_is_created_again(
    make_move: MakeMove, run_stage: RunStage, open_context: OpenContext, folder: Path
):
    run = folder / "2026" / "run"
    run.mkdir(parents=True)
    (run / "one.raw").write_bytes(b"one")
    job = make_move({run / "one.raw": b"one"})
    run_stage(job, Stage.MOVE_FILES)
    shutil.rmtree(run.parent)
    restore_all(open_context, job)
    assert files_in(run) == {"one.raw": b"one"}


def test_missing_listed_folder_is_a_transient_error(
    job: int, run_stage: RunStage, open_context: OpenContext, folder: Path, tmp_path: Path
):
    """Otherwise files of an unmounted file system would be restored below its mount point."""
    run_stage(job, Stage.MOVE_FILES)
    folder.rename(tmp_path / "unmounted")
    with pytest.raises(MoveFolderUnavailable):
        restore_all(open_context, job)
    (tmp_path / "unmounted").rename(folder)
    restore_all(open_context, job)
    assert files_in(folder) == CONTENTS


def test_planted_links_with_hidden_names_are_not_followed(
    job: int, run_stage: RunStage, open_context: OpenContext, folder: Path, without_links: None, tmp_path: Path
):
    (tmp_path / "precious").write_bytes(b"precious")
    run_stage(job, Stage.MOVE_FILES)
    with open_context(job, Stage.MOVE_FILES) as context:
        for file in move.files_in(context.lease, move.FileState.ARCHIVED):
            for ending in ("", ".part", ".empty"):
                (folder / f".pacifica-ingest-{file.file_id}{ending}").symlink_to(tmp_path / "precious")
        remove_all(context)
    assert files_in(folder) == CONTENTS
    assert (tmp_path / "precious").read_bytes() == b"precious"


@pytest.mark.parametrize("failing", ["create", "sync"])
def test_folder_that_cannot_be_written_to_is_a_transient_error(
    job: int,
    run_stage: RunStage,
    open_context: OpenContext,
    folder: Path,
    without_links: None,
    monkeypatch: pytest.MonkeyPatch,
    failing: str,
):
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    run_stage(job, Stage.MOVE_FILES)
    with monkeypatch.context() as refused:
        refused.setattr(SourceFolder, failing, refuse)
        with pytest.raises(MoveFolderUnavailable, match="Permission denied"):
            restore_all(open_context, job)
    restore_all(open_context, job)
    assert files_in(folder) == CONTENTS
