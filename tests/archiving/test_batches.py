"""Files are sent once, and none is orphaned or missing, wherever an earlier process was killed."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from ingest.archiving import batches
from ingest.errors.types import FilesRejected, ServiceUnavailable
from ingest.ledger.models import File
from ingest.services import Services
from ingest.services.archive_folder import FolderArchive
from ingest.states.stages import Stage
from tests.job_fixtures import MakeJob, OpenContext, RunStage
from tests.killing import Killed, Patch, count_steps, die, kill_at_step
from tools.bundles import CONTENTS, file_entry, make_bundle, transaction

pytestmark = pytest.mark.usefixtures("no_waiting")


RunBefore = Callable[[int, Stage], None]


STEPS: list[Patch] = [(batches, "mark_sending"), (batches, "mark_archived"), (FolderArchive, "put")]
BATCH_FILES = (1, 2, 100)


@pytest.fixture
def puts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that collects the ids that are sent, in order."""
    sent: list[int] = []
    put = FolderArchive.put

    def counted(archive: FolderArchive, file_id: int, body: BinaryIO, size: int) -> None:
        sent.append(file_id)
        put(archive, file_id, body, size)

    monkeypatch.setattr(FolderArchive, "put", counted)
    return sent


def rows(engine: Engine, job: int) -> list[File]:
    with Session(engine) as session:
        return list(session.scalars(select(File).where(File.job_id == job).order_by(File.offset)))


def assert_archived(engine: Engine, services: Services, job: int, contents: dict[str, bytes]) -> None:
    found = rows(engine, job)
    assert {row.state for row in found} == {"archived"}
    stored = {f"data/{row.path}": b"".join(services.archive.get(row.file_id or 0)) for row in found}
    assert stored == contents


def test_files_are_archived_with_their_bytes(
    make_job: MakeJob, run_before: RunBefore, run_stage: RunStage, services: Services, database_engine: Engine
):
    job = make_job()
    run_before(job, Stage.INGEST_FILES)
    run_stage(job, Stage.INGEST_FILES)
    assert_archived(database_engine, services, job, CONTENTS)


def test_stage_that_runs_again_sends_nothing(
    make_job: MakeJob, run_before: RunBefore, run_stage: RunStage, puts: list[int]
):
    job = make_job()
    run_before(job, Stage.INGEST_FILES)
    run_stage(job, Stage.INGEST_FILES)
    assert len(puts) == len(CONTENTS)
    run_stage(job, Stage.INGEST_FILES)
    assert len(puts) == len(CONTENTS)


def batches_of(batch_files: int) -> int:
    return -(-len(CONTENTS) // batch_files)


def steps_of(batch_files: int) -> int:
    """Return the number of steps: before and after both commits of each batch, and before and after each PUT."""
    return 2 * (2 * batches_of(batch_files) + len(CONTENTS))


@pytest.mark.parametrize("batch_files", BATCH_FILES)
def test_kill_points_are_all_steps_of_a_job(
    make_job: MakeJob, run_before: RunBefore, run_stage: RunStage, monkeypatch: pytest.MonkeyPatch, batch_files: int
):
    monkeypatch.setattr(batches, "BATCH_FILES", batch_files)
    job = make_job()
    run_before(job, Stage.INGEST_FILES)
    steps = count_steps(monkeypatch, STEPS)
    run_stage(job, Stage.INGEST_FILES)
    assert steps() == steps_of(batch_files)


@pytest.mark.parametrize(
    ("batch_files", "kill_at"), [(files, step) for files in BATCH_FILES for step in range(steps_of(files))]
)
def test_after_a_kill_between_any_two_steps_the_next_process_archives_each_file_once(
    make_job: MakeJob,
    run_before: RunBefore,
    run_stage: RunStage,
    open_context: OpenContext,
    services: Services,
    database_engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    batch_files: int,
    kill_at: int,
):
    monkeypatch.setattr(batches, "BATCH_FILES", batch_files)
    job = make_job()
    run_before(job, Stage.INGEST_FILES)
    ids = [row.file_id for row in rows(database_engine, job)]
    with monkeypatch.context() as killing, open_context(job, Stage.INGEST_FILES) as context:
        kill_at_step(killing, kill_at, STEPS)
        with pytest.raises(Killed):
            batches.send_files(context)
    run_stage(job, Stage.INGEST_FILES)
    assert_archived(database_engine, services, job, CONTENTS)
    assert [row.file_id for row in rows(database_engine, job)] == ids
    assert len([path for path in (tmp_path / "archive").glob("*/*/*") if path.is_file()]) == len(CONTENTS)


def test_files_that_were_archived_before_the_kill_are_not_sent_again(
    make_job: MakeJob,
    run_before: RunBefore,
    run_stage: RunStage,
    open_context: OpenContext,
    puts: list[int],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(batches, "BATCH_FILES", 1)
    contents = {f"data/{number}": bytes([number]) * 100 for number in range(10)}
    job = make_job(make_bundle(contents))
    run_before(job, Stage.INGEST_FILES)
    with monkeypatch.context() as killing, suppress(Killed), open_context(job, Stage.INGEST_FILES) as context:
        size = FolderArchive.size
        calls = iter(range(100))
        killing.setattr(FolderArchive, "size", lambda *given: die() if next(calls) == 8 else size(*given))
        batches.send_files(context)
    sent = len(puts)
    run_stage(job, Stage.INGEST_FILES)
    # Also not the file that the archive held whole when the ledger did not record it yet.
    assert len(puts) - sent == 1


def test_after_a_kill_at_90_percent_the_last_tenth_of_the_bytes_is_sent(
    make_job: MakeJob,
    run_before: RunBefore,
    run_stage: RunStage,
    open_context: OpenContext,
    services: Services,
    database_engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
):
    contents = {f"data/{number:04}": bytes([number % 256]) * 1024 for number in range(1000)}
    sent = 0
    put = FolderArchive.put

    def counted(archive: FolderArchive, file_id: int, body: BinaryIO, size: int) -> None:
        nonlocal sent
        if sent == 900 * 1024:
            raise Killed
        put(archive, file_id, body, size)
        sent += size

    job = make_job(make_bundle(contents))
    run_before(job, Stage.INGEST_FILES)
    monkeypatch.setattr(FolderArchive, "put", counted)
    with suppress(Killed), open_context(job, Stage.INGEST_FILES) as context:
        batches.send_files(context)
    assert sent == 900 * 1024
    sent = 0
    run_stage(job, Stage.INGEST_FILES)
    assert sent == 100 * 1024
    assert_archived(database_engine, services, job, contents)


def test_file_that_the_archive_stored_in_part_is_not_archived(
    make_job: MakeJob,
    run_before: RunBefore,
    run_stage: RunStage,
    services: Services,
    database_engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
):
    job = make_job()
    run_before(job, Stage.INGEST_FILES)
    with monkeypatch.context() as short:
        short.setattr(FolderArchive, "size", lambda *_: 1)
        with pytest.raises(ServiceUnavailable, match="stored 1 of the"):
            run_stage(job, Stage.INGEST_FILES)
    assert "archived" not in {row.state for row in rows(database_engine, job)}
    run_stage(job, Stage.INGEST_FILES)
    assert_archived(database_engine, services, job, CONTENTS)


def test_archive_that_responds_before_it_has_read_all_is_a_service_fault(
    make_job: MakeJob, run_before: RunBefore, run_stage: RunStage, monkeypatch: pytest.MonkeyPatch
):
    job = make_job()
    run_before(job, Stage.INGEST_FILES)
    monkeypatch.setattr(FolderArchive, "put", lambda *_: None)
    monkeypatch.setattr(FolderArchive, "size", lambda *_: 4)
    with pytest.raises(ServiceUnavailable):
        run_stage(job, Stage.INGEST_FILES)


def test_all_files_that_differ_are_reported_and_good_files_after_them_are_not_sent(
    make_job: MakeJob, run_before: RunBefore, run_stage: RunStage, puts: list[int], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(batches, "BATCH_FILES", 2)
    contents = {f"data/{number}": bytes([number]) * 10 for number in range(6)}
    entries = [file_entry(path, content) for path, content in contents.items()]
    for wrong in (1, 4):
        entries[wrong]["hashsum"] = "f" * 40
    job = make_job(make_bundle(contents, [*transaction(), *entries]))
    run_before(job, Stage.INGEST_FILES)
    with pytest.raises(FilesRejected) as raised:
        run_stage(job, Stage.INGEST_FILES)
    assert "'1'" in raised.value.text
    assert "'4'" in raised.value.text
    assert "'2'" not in raised.value.text
    assert len(puts) == 2
