"""Sending files: nothing twice, nothing orphaned, nothing missing, wherever the process before was killed."""

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
from tests.killing import Killed, Patch, die, kill_at_step
from tools.bundles import CONTENTS, file_entry, make_bundle, transaction

pytestmark = pytest.mark.usefixtures("no_waiting")


RunBefore = Callable[[int, Stage], None]


STEPS: list[Patch] = [(batches, "mark_sending"), (batches, "mark_archived"), (FolderArchive, "put")]


@pytest.fixture
def puts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The ids that were sent, in their order."""
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


@pytest.mark.parametrize("batch_files", [1, 2, 100])
@pytest.mark.parametrize("kill_at", range(20))
def test_killed_between_any_two_steps_the_next_process_ends_with_one_set_of_files(
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
    """The steps are: before and after each commit of `sending` and `archived`, before and after each PUT."""
    monkeypatch.setattr(batches, "BATCH_FILES", batch_files)
    job = make_job()
    run_before(job, Stage.INGEST_FILES)
    ids = [row.file_id for row in rows(database_engine, job)]
    with monkeypatch.context() as killing, suppress(Killed), open_context(job, Stage.INGEST_FILES) as context:
        kill_at_step(killing, kill_at, STEPS)
        batches.send_files(context)
        assert kill_at >= 2 * batches_of(batch_files) * 2 + 2 * len(CONTENTS), "it was to be killed on its way"
    run_stage(job, Stage.INGEST_FILES)
    assert_archived(database_engine, services, job, CONTENTS)
    assert [row.file_id for row in rows(database_engine, job)] == ids
    assert len([path for path in (tmp_path / "archive").rglob("*") if path.is_file()]) == len(CONTENTS)


def batches_of(batch_files: int) -> int:
    return -(-len(CONTENTS) // batch_files)


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
        asked = iter(range(100))
        killing.setattr(FolderArchive, "size", lambda *given: die() if next(asked) == 8 else size(*given))
        batches.send_files(context)
    sent = len(puts)
    run_stage(job, Stage.INGEST_FILES)
    # Nor the one that was whole in the archive, though the ledger did not say so yet.
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


def test_file_of_which_the_archive_stored_less_is_not_taken_for_archived(
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


def test_archive_that_answers_before_it_has_read_all_is_not_the_uploaders_fault(
    make_job: MakeJob, run_before: RunBefore, run_stage: RunStage, monkeypatch: pytest.MonkeyPatch
):
    job = make_job()
    run_before(job, Stage.INGEST_FILES)
    monkeypatch.setattr(FolderArchive, "put", lambda *_: None)
    monkeypatch.setattr(FolderArchive, "size", lambda *_: 4)
    with pytest.raises(ServiceUnavailable):
        run_stage(job, Stage.INGEST_FILES)


def test_all_files_that_differ_are_named_and_the_good_ones_behind_them_are_not_sent(
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
