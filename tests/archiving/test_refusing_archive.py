"""Send files to the real ArchiveInterface, which runs as an account that cannot overwrite the read-only files it created.

Files that a killed process had sent whole are kept; its successor deletes a file that was sent in part and sends it again.
"""

import io
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from sqlalchemy import Engine

from ingest.archiving import batches
from ingest.archiving.hashing_body import HashingBody
from ingest.errors.types import ServiceUnavailable
from ingest.ledger.file_states import mark_sending
from ingest.ledger.files import files_in
from ingest.ledger.models import FileState
from ingest.services import Services, make_services
from ingest.services.archive import PacificaArchive
from ingest.settings.loading import Settings
from ingest.states.stages import Stage
from tests.archiving.test_batches import RunBefore, assert_archived, rows
from tests.contracts.unprivileged_archive import unprivileged_archive
from tests.job_fixtures import MakeJob, OpenContext, RunStage
from tests.killing import Killed, Patch, die, kill_at_step
from tools.bundles import CONTENTS

pytestmark = pytest.mark.usefixtures("no_waiting")


BLOCK = 4096
LARGEST = max(map(len, CONTENTS.values()))
STEPS: list[Patch] = [(batches, "mark_sending"), (batches, "mark_archived"), (PacificaArchive, "put")]


@pytest.fixture(scope="module")
def archive_url() -> Iterator[str]:
    with unprivileged_archive() as url:
        yield url


@pytest.fixture
def settings(settings: Settings, archive_url: str) -> Settings:
    """Send no file ahead: the files of these tests stand for large ones, which can be stored in part."""
    update = {"archiveinterface_url": archive_url, "transfer_size": BLOCK, "archive_sent_ahead": 1}
    return settings.model_copy(update=update)


@pytest.fixture
def job(make_job: MakeJob, run_before: RunBefore) -> int:
    """Return a job whose files are not sent yet."""
    job = make_job()
    run_before(job, Stage.INGEST_FILES)
    return job


def sent_and_refused(engine: Engine, services: Services, job: int) -> list[int]:
    """Return the sizes of the job's files that the archive holds and refuses to overwrite."""
    sizes = []
    for row in rows(engine, job):
        if (size := services.archive.size(row.file_id or 0)) is not None:
            with pytest.raises(ServiceUnavailable, match="Permission denied"):
                services.archive.put(row.file_id or 0, io.BytesIO(b"again"), 5)
            sizes.append(size)
    return sizes


READ = HashingBody.read


def die_half_way(body: HashingBody, size: int = -1) -> bytes:
    """Replace `HashingBody.read`: the process ends in the middle of the largest file."""
    if body.size > LARGEST / 2:
        raise Killed
    return READ(body, size)


def send_and_die(open_context: OpenContext, job: int) -> None:
    with pytest.raises(Killed), open_context(job, Stage.INGEST_FILES) as context:
        batches.send_files(context)


def test_after_a_kill_between_put_and_commit_the_next_process_sends_nothing(
    job: int,
    run_stage: RunStage,
    open_context: OpenContext,
    services: Services,
    database_engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
):
    with monkeypatch.context() as killing:
        killing.setattr(batches, "mark_archived", die)
        send_and_die(open_context, job)
    assert {row.state for row in rows(database_engine, job)} == {"sending"}
    assert sorted(sent_and_refused(database_engine, services, job)) == sorted(map(len, CONTENTS.values()))
    with monkeypatch.context() as refusing:
        for name in ("put", "delete"):
            refusing.setattr(PacificaArchive, name, lambda *_: pytest.fail("the archive holds it already"))
        run_stage(job, Stage.INGEST_FILES)
    assert_archived(database_engine, services, job, CONTENTS)


def test_file_of_the_right_size_and_with_other_bytes_is_kept_and_the_file_is_sent_under_a_new_id(
    job: int, run_stage: RunStage, open_context: OpenContext, services: Services, database_engine: Engine
):
    with open_context(job, Stage.INGEST_FILES) as context:
        [file, *_] = files_in(context.lease, FileState.PENDING)
        mark_sending(context.lease, [file])
    services.archive.put(file.file_id, io.BytesIO(bytes(file.size)), file.size)
    run_stage(job, Stage.INGEST_FILES)
    assert_archived(database_engine, services, job, CONTENTS)
    assert b"".join(services.archive.get(file.file_id)) == bytes(file.size)
    assert file.file_id not in {row.file_id for row in rows(database_engine, job)}


def test_after_a_kill_during_a_put_the_next_process_deletes_and_sends_again(
    job: int,
    run_stage: RunStage,
    open_context: OpenContext,
    services: Services,
    database_engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
):
    with monkeypatch.context() as killing:
        killing.setattr(HashingBody, "read", die_half_way)
        send_and_die(open_context, job)
    assert LARGEST / 2 < max(sent_and_refused(database_engine, services, job)) < LARGEST
    run_stage(job, Stage.INGEST_FILES)
    assert_archived(database_engine, services, job, CONTENTS)


@pytest.mark.parametrize("kill_at", range(2 * (len(CONTENTS) + 2)))
def test_after_a_kill_between_any_two_steps_the_next_process_archives_the_right_bytes(
    job: int,
    run_stage: RunStage,
    open_context: OpenContext,
    services: Services,
    database_engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    kill_at: int,
):
    """The steps are: before and after the commit of `sending`, each PUT, and the commit of `archived`."""
    with monkeypatch.context() as killing:
        kill_at_step(killing, kill_at, STEPS)
        send_and_die(open_context, job)
    run_stage(job, Stage.INGEST_FILES)
    assert_archived(database_engine, services, job, CONTENTS)


@pytest.mark.parametrize("sent_ahead", [1, 4])
@pytest.mark.parametrize("connections", [1, 4])
def test_file_of_another_system_that_no_check_has_found_is_neither_overwritten_nor_deleted(
    job: int, open_context: OpenContext, run_stage: RunStage, settings: Settings, services: Services,
    database_engine: Engine, monkeypatch: pytest.MonkeyPatch, sent_ahead: int, connections: int,
):  # fmt: skip
    taken = [row.file_id or 0 for row in rows(database_engine, job)][1:]
    for file_id in taken:
        services.archive.put(file_id, io.BytesIO(b"another system's"), 16)
    update = {"archive_sent_ahead": sent_ahead, "archive_connections": connections}
    others = make_services(settings.model_copy(update=update), database_engine)
    with closing(others), monkeypatch.context() as unchecked, open_context(job, Stage.INGEST_FILES) as context:
        unchecked.setattr(batches, "replace_ids_in_use", lambda _context, batch: batch)
        with pytest.raises(ServiceUnavailable, match="Permission denied"):
            batches.send_files(replace(context, services=others))
    run_stage(job, Stage.INGEST_FILES)
    assert [b"".join(services.archive.get(file_id)) for file_id in taken] == [b"another system's"] * len(taken)
    assert_archived(database_engine, services, job, CONTENTS)
