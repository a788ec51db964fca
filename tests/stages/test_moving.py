"""Moving files: nothing is lost, wherever the process before was killed, and what was moved can be put back."""

import json
import os
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from ingest import moving
from ingest.errors import InvalidSource
from ingest.models import File
from ingest.rejection import remove_all
from ingest.services import Services
from ingest.services.archive_folder import FolderArchive
from ingest.settings import Settings
from ingest.states import STAGES, Kind, Stage
from tests.bundles import file_entry, transaction
from tests.stages.conftest import MakeJob, OpenContext, RunStage
from tests.stages.killing import Killed, Patch, kill_at_step

pytestmark = pytest.mark.usefixtures("no_waiting")


CONTENTS = {"one.raw": b"one" * 100, "two.raw": b"two" * 100}
BEFORE_MOVE = STAGES[Kind.MOVE][:2]


STEPS: list[Patch] = [(moving, "mark"), (moving, "_link"), (FolderArchive, "move"), (FolderArchive, "delete")]


@pytest.fixture
def folder(settings: Settings) -> Path:
    folder = settings.move_folders[0]
    for name, content in CONTENTS.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def job(make_job: MakeJob, run_stage: RunStage, folder: Path) -> int:
    """A move of two sources, ready to be moved."""
    entries = [file_entry(f"data/{name}", content, source=str(folder / name)) for name, content in CONTENTS.items()]
    job_id = make_job(json.dumps([*transaction(), *entries]).encode(), Kind.MOVE)
    for stage in BEFORE_MOVE:
        run_stage(job_id, stage)
    return job_id


def archived(engine: Engine, services: Services, job_id: int) -> dict[str, bytes]:
    with Session(engine) as session:
        files = session.scalars(select(File).where(File.job_id == job_id, File.state == "archived")).all()
    return {file.path: b"".join(services.archive.get(file.file_id or 0)) for file in files}


def lying_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def visible_in(folder: Path) -> dict[str, bytes]:
    return {name: content for name, content in lying_in(folder).items() if not name.startswith(".")}


@pytest.mark.parametrize("kill_at", range(16))
def test_killed_between_any_two_steps_of_a_move_the_next_process_ends_the_same(
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
        moving.send_sources(context)
        raise AssertionError("it was to be killed on its way")
    run_stage(job, Stage.MOVE_FILES)
    assert archived(database_engine, services, job) == CONTENTS
    assert visible_in(folder) == {}
    run_stage(job, Stage.INGEST_METADATA)
    assert lying_in(folder) == {}


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("kill_at", [None, *range(12)])
def test_killed_between_any_two_steps_of_putting_back_the_next_process_ends_the_same(
    job: int,
    run_stage: RunStage,
    open_context: OpenContext,
    services: Services,
    database_engine: Engine,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    kill_at: int | None,
    links: bool,
):
    if not links:
        monkeypatch.setattr(moving, "_link", lambda *_: False)
    run_stage(job, Stage.MOVE_FILES)
    assert visible_in(folder) == {}
    if kill_at is not None:
        with monkeypatch.context() as killing, suppress(Killed), open_context(job, Stage.MOVE_FILES) as context:
            kill_at_step(killing, kill_at, STEPS)
            remove_all(context)
    with open_context(job, Stage.MOVE_FILES) as context:
        remove_all(context)
        context.ledger.finish()
    assert lying_in(folder) == CONTENTS
    assert not [path for path in (tmp_path / "archive").rglob("*") if path.is_file()]


@pytest.mark.parametrize("links", [True, False])
def test_file_that_was_written_anew_meanwhile_is_not_overwritten(
    job: int,
    run_stage: RunStage,
    open_context: OpenContext,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    links: bool,
):
    if not links:
        monkeypatch.setattr(moving, "_link", lambda *_: False)
    run_stage(job, Stage.MOVE_FILES)
    (folder / "one.raw").write_bytes(b"new")
    with open_context(job, Stage.MOVE_FILES) as context:
        remove_all(context)
    assert visible_in(folder) == {
        "one.raw": b"new", f"one.raw.job-{job}": CONTENTS["one.raw"], "two.raw": CONTENTS["two.raw"]
    }  # fmt: skip


@pytest.mark.parametrize("links", [True, False])
def test_source_that_is_changed_between_its_hash_and_its_move_is_never_catalogued(
    job: int, run_stage: RunStage, folder: Path, monkeypatch: pytest.MonkeyPatch, links: bool
):
    link = moving._link

    def write_between(source: Path, hidden: Path) -> bool:
        linked = link(source, hidden) if links else False
        source.write_bytes(b"ONE" * 100)
        return linked

    monkeypatch.setattr(moving, "_link", write_between)
    with pytest.raises(InvalidSource, match="was changed"):
        run_stage(job, Stage.MOVE_FILES)


def test_symbolic_link_is_no_source(job: int, run_stage: RunStage, folder: Path, tmp_path: Path):
    (tmp_path / "secret").write_bytes(CONTENTS["one.raw"])
    (folder / "one.raw").unlink()
    (folder / "one.raw").symlink_to(tmp_path / "secret")
    with pytest.raises(InvalidSource, match=r"one\.raw"):
        run_stage(job, Stage.MOVE_FILES)
    assert (tmp_path / "secret").exists()


def test_pipe_is_no_source_and_is_not_waited_for(job: int, run_stage: RunStage, folder: Path):
    (folder / "one.raw").unlink()
    os.mkfifo(folder / "one.raw")
    with pytest.raises(InvalidSource, match="not a regular file"):
        run_stage(job, Stage.MOVE_FILES)


def test_folder_that_leads_elsewhere_by_a_link_is_no_way_out(
    make_job: MakeJob, run_stage: RunStage, folder: Path, tmp_path: Path
):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").write_bytes(b"x")
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    entry = file_entry("data/file", b"x", source=str(folder / "link" / "file"))
    job_id = make_job(json.dumps([*transaction(), entry]).encode(), Kind.MOVE)
    for stage in BEFORE_MOVE:
        run_stage(job_id, stage)
    with pytest.raises(InvalidSource, match="none of the folders"):
        run_stage(job_id, Stage.MOVE_FILES)
