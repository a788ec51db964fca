"""Moves with several users: who may move which files, and how little a refusal reveals about the disk."""

import json
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from ingest.archiving.moves import source_location
from ingest.archiving.moves.move import send_sources
from ingest.archiving.rejection import remove_all
from ingest.context import StageContext
from ingest.errors.types import InvalidSource, MoveFolderUnavailable, Rejection
from ingest.ledger.models import Event, Job
from ingest.settings.loading import Settings
from ingest.settings.move_rules import MoveRule
from ingest.stages import run_stage as stage_wrapper
from ingest.states.stages import STAGES, Kind, Stage
from tests.archiving.moves.contents import files_in, visible_files_in
from tests.job_fixtures import MakeJob, OpenContext, RunStage
from tools.bundles import Entry, file_entry, transaction

pytestmark = pytest.mark.usefixtures("no_waiting")

CONTENT = b"measured"
# `make_job` creates jobs of the user `ada`.
USER, OTHER = "ada", "otto"
NOT_ALLOWED = r"lies in no folder that ada may move .* \[source_not_allowed\]"
Prepare = Callable[..., int]


@pytest.fixture
def folder(settings: Settings) -> Path:
    """Create a folder with a subfolder for each of two users."""
    for user in (USER, OTHER):
        (settings.move_folders[0] / user).mkdir()
    return settings.move_folders[0]


@pytest.fixture
def own(folder: Path) -> Path:
    """Return the folder of the user of the jobs."""
    return folder / USER


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Permit each user to move files from a separate folder."""
    rules = (MoveRule(("*",), f"{settings.move_folders[0]}/{{user}}"),)
    return settings.model_copy(update={"authentication": "proxy", "move_rules": rules})


@pytest.fixture
def prepare(make_job: MakeJob, run_stage: RunStage) -> Prepare:
    """Make a job of sources, ready to be moved; `changes` are those of the last entry."""

    def prepared(*paths: Path, **changes: object) -> int:
        entries: list[Entry] = [file_entry(f"data/{path.name}", CONTENT, source=str(path)) for path in paths]
        entries[-1].update(changes)
        job_id = make_job(json.dumps([*transaction(), *entries]).encode(), Kind.MOVE)
        for stage in STAGES[Kind.MOVE][:2]:
            run_stage(job_id, stage)
        return job_id

    return prepared


def write(path: Path, content: bytes = CONTENT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def refusal(open_context: OpenContext, job: int) -> str:
    """Return the text of a refused move as the uploader sees it in the state."""
    with pytest.raises(Rejection) as refused, open_context(job, Stage.MOVE_FILES) as context:
        run_as_the_wrapper_does(context)
    return refused.value.text_of_job


def run_as_the_wrapper_does(context: StageContext) -> None:
    stage_wrapper._run_recorded(context, Stage.MOVE_FILES, last_try=False)


def events(engine: Engine, job: int, kind: str) -> list[str]:
    with engine.connect() as connection:
        query = select(Event.text).where(Event.job_id == job, Event.kind == kind).order_by(Event.id)
        return [text for (text,) in connection.execute(query)]


def test_user_moves_from_a_folder_of_the_user(prepare: Prepare, run_stage: RunStage, own: Path):
    job = prepare(write(own / "run" / "one.raw"))
    run_stage(job, Stage.MOVE_FILES)
    assert visible_files_in(own / "run") == {}


@pytest.mark.parametrize("form", ["{0}/otto/one.raw", "{0}/ada/../otto/one.raw", "{0}/one.raw", "{0}/otto/absent.raw"])
def test_folder_of_another_user_is_refused_before_anything_is_looked_up(
    prepare: Prepare, open_context: OpenContext, folder: Path, monkeypatch: pytest.MonkeyPatch, form: str
):
    write(folder / OTHER / "one.raw")
    write(folder / "one.raw")
    job = prepare(Path(form.format(folder)))
    looked_up: list[object] = []
    with monkeypatch.context() as watching:
        watching.setattr(source_location.os.path, "realpath", looked_up.append)
        watching.setattr(source_location, "_exists", looked_up.append)
        watching.setattr(source_location.os, "open", looked_up.append)
        with pytest.raises(InvalidSource, match=NOT_ALLOWED), open_context(job, Stage.MOVE_FILES) as context:
            send_sources(context)
    assert looked_up == []
    assert (folder / OTHER / "one.raw").read_bytes() == CONTENT


def test_move_is_checked_against_the_current_rules(
    prepare: Prepare, open_context: OpenContext, settings: Settings, own: Path
):
    job = prepare(write(own / "one.raw"))
    object.__setattr__(settings, "move_rules", ())
    assert "[source_not_allowed]" in refusal(open_context, job)
    assert files_in(own) == {"one.raw": CONTENT}


def make_folder(path: Path) -> None:
    path.mkdir()


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def link_to(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(path.parent / target)


# What may be at the path of a source; all must look the same.
FINDINGS: dict[str, Callable[[Path], object]] = {
    "nothing": lambda _: None,
    "another size": lambda path: path.write_bytes(CONTENT + b" and more"),
    "another hash": lambda path: path.write_bytes(CONTENT[::-1]),
    "an empty file": lambda path: path.touch(),
    "a folder": make_folder,
    "a pipe": make_pipe,
    "a link to a file": link_to("../otto/secret.raw"),
    "a link that leads nowhere": link_to("../otto/absent.raw"),
    "a loop": link_to("source.raw"),
}


@pytest.mark.parametrize("found", FINDINGS)
def test_what_exists_at_a_source_path_is_shown_to_operators_only(
    prepare: Prepare,
    open_context: OpenContext,
    database_engine: Engine,
    folder: Path,
    own: Path,
    caplog: pytest.LogCaptureFixture,
    found: str,
):
    write(folder / OTHER / "secret.raw")
    FINDINGS[found](own / "source.raw")
    job = prepare(own / "source.raw")
    with caplog.at_level(logging.WARNING, "ingest.archiving.moves"):
        text = refusal(open_context, job)
    assert text == (
        f"the uploader must fix this: '{own}/source.raw' is not a file that may be moved and has the size and the sha1 "
        "that the metadata declares [source_refused]"
    )
    [detail] = events(database_engine, job, "sources_refused")
    assert "source_refused" not in detail
    assert any(detail in line for line in caplog.messages)
    assert percent(database_engine, job) == 0.0


# Links to folders of sources; all must have the same refusal. `link` is in a folder of the user.
FOLDERS: dict[str, Callable[[Path], object]] = {
    "nothing": lambda _: None,
    "a folder": make_folder,
    "a file": lambda link: link.touch(),
    "a link to another user's folder": link_to("../otto"),
    "a link to a folder that is not there": link_to("../otto/absent"),
    "a link out of all folders": lambda link: link.symlink_to("/etc"),
    "a link to nothing out of all folders": lambda link: link.symlink_to("/absent"),
    "a link to our own files": lambda link: link.symlink_to(link.parents[2] / "spool"),
    "a loop": link_to("link"),
}


@pytest.mark.parametrize("found", FOLDERS)
def test_existence_of_folders_is_shown_to_operators_only(
    prepare: Prepare, open_context: OpenContext, database_engine: Engine, folder: Path, own: Path, found: str
):
    write(folder / OTHER / "one.raw", CONTENT + b" and more")
    FOLDERS[found](own / "link")
    job = prepare(own / "link" / "one.raw")
    assert refusal(open_context, job) == (
        f"the uploader must fix this: '{own}/link/one.raw' is not a file that may be moved and has the size and the "
        "sha1 that the metadata declares [source_refused]"
    )
    assert len(events(database_engine, job, "sources_refused")) == 1
    assert (folder / OTHER / "one.raw").exists()


def percent(engine: Engine, job: int) -> float:
    with engine.connect() as connection:
        return float(connection.scalar(select(Job.percent).where(Job.id == job)) or 0.0)


def test_without_authentication_the_uploader_sees_the_reason(
    prepare: Prepare, open_context: OpenContext, database_engine: Engine, settings: Settings, own: Path
):
    object.__setattr__(settings, "authentication", "none")
    job = prepare(write(own / "one.raw", CONTENT + b" and more"))
    assert "has 17 bytes, the metadata declares 8 [size_differs]" in refusal(open_context, job)
    assert events(database_engine, job, "sources_refused") == []


def test_right_source_beside_a_wrong_one_is_restored_and_not_named(
    prepare: Prepare, open_context: OpenContext, own: Path
):
    job = prepare(write(own / "one.raw"), own / "absent.raw")
    text = refusal(open_context, job)
    assert "absent.raw" in text
    assert "one.raw" not in text
    assert files_in(own) == {"one.raw": CONTENT}


@pytest.mark.parametrize("target", ["{0}/otto", "{0}/otto/absent", "/etc", "/absent"])
def test_error_of_a_failed_restore_does_not_reveal_the_target_of_a_link(
    prepare: Prepare, run_stage: RunStage, open_context: OpenContext, folder: Path, own: Path, target: str
):
    job = prepare(write(own / "run" / "one.raw"))
    run_stage(job, Stage.MOVE_FILES)
    (own / "run").rename(own / "aside")
    (own / "run").symlink_to(target.format(folder))
    with pytest.raises(MoveFolderUnavailable) as refused, open_context(job, Stage.MOVE_FILES) as context:
        remove_all(context)
    assert refused.value.text == (f"the source '{own}/run/one.raw' cannot be restored: its folder cannot be used now")
    assert files_in(folder / OTHER) == {}
    (own / "run").unlink()
    (own / "aside").rename(own / "run")
    with open_context(job, Stage.MOVE_FILES) as context:
        remove_all(context)
    assert files_in(own / "run") == {"one.raw": CONTENT}


def test_source_is_restored_although_its_user_lost_all_permissions(
    prepare: Prepare, run_stage: RunStage, open_context: OpenContext, settings: Settings, own: Path
):
    job = prepare(write(own / "one.raw"))
    run_stage(job, Stage.MOVE_FILES)
    object.__setattr__(settings, "move_rules", ())
    with open_context(job, Stage.MOVE_FILES) as context:
        remove_all(context)
    assert files_in(own) == {"one.raw": CONTENT}


def test_source_behind_a_link_within_the_users_folder_is_moved_and_restored(
    prepare: Prepare, run_stage: RunStage, open_context: OpenContext, own: Path
):
    write(own / "real" / "one.raw")
    (own / "link").symlink_to("real")
    job = prepare(own / "link" / "one.raw")
    run_stage(job, Stage.MOVE_FILES)
    assert visible_files_in(own / "real") == {}
    with open_context(job, Stage.MOVE_FILES) as context:
        remove_all(context)
    assert files_in(own / "real") == {"one.raw": CONTENT}


def test_move_folder_behind_a_link_is_compared_as_it_is_written(
    prepare: Prepare, run_stage: RunStage, folder: Path, own: Path, tmp_path: Path
):
    write(own / "one.raw")
    folder.rename(tmp_path / "mounted")
    folder.symlink_to(tmp_path / "mounted")
    run_stage(prepare(own / "one.raw"), Stage.MOVE_FILES)
    assert visible_files_in(own) == {}


def test_moves_under_rules_are_the_same_for_each_try(
    prepare: Prepare, run_stage: RunStage, open_context: OpenContext, own: Path
):
    job = prepare(own / "late.raw")
    with suppress(Rejection):
        refusal(open_context, job)
    write(own / "late.raw")
    run_stage(job, Stage.MOVE_FILES)
    assert visible_files_in(own) == {}
