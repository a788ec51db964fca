"""Files that are sent in parallel: the ledger records each verified file, even if others fail."""

import threading
from typing import BinaryIO

import pytest
from sqlalchemy import Engine, update
from sqlalchemy.orm import Session

from ingest.errors.types import FenceLost, FilesRejected, ServiceUnavailable
from ingest.ledger.models import Job
from ingest.services import Services
from ingest.services.archive_folder import FolderArchive
from ingest.states.stages import Stage
from tests.archiving.test_batches import RunBefore, assert_archived, rows
from tests.job_fixtures import MakeJob, RunStage
from tools.bundles import file_entry, make_bundle, transaction

pytestmark = pytest.mark.usefixtures("no_waiting", "four_in_parallel")

FOUR = 4
WAIT_SECONDS = 30
CONTENTS = {f"data/{number:03}": bytes([number]) * 1000 for number in range(40)}


@pytest.fixture
def four_in_parallel(services: Services) -> None:
    services.archive.parallel_requests = FOUR


@pytest.fixture
def job(make_job: MakeJob, run_before: RunBefore) -> int:
    made = make_job(make_bundle(CONTENTS))
    run_before(made, Stage.INGEST_FILES)
    return made


class Meeting:
    """Replace `FolderArchive.put`: the first four calls wait for each other, then one calls `first` and the others wait."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._together = threading.Barrier(FOUR)
        self._first_is_done = threading.Event()
        self._numbers = iter(range(1000))
        self._lock = threading.Lock()
        self._put = FolderArchive.put
        self.begun = 0

        def put(archive: FolderArchive, file_id: int, body: BinaryIO, size: int) -> None:
            self._meet(archive, file_id, body, size)

        monkeypatch.setattr(FolderArchive, "put", put)

    def first(self) -> None:
        """Run in the first of the four calls; replaced by tests."""

    def _meet(self, archive: FolderArchive, file_id: int, body: BinaryIO, size: int) -> None:
        with self._lock:
            number = next(self._numbers)
            self.begun += 1
        if number < FOUR:
            self._together.wait(WAIT_SECONDS)
        if number == 0:
            try:
                self.first()
            finally:
                self._first_is_done.set()
        elif number < FOUR:
            assert self._first_is_done.wait(WAIT_SECONDS)
        self._put(archive, file_id, body, size)


def test_all_files_are_archived_with_their_bytes(
    job: int, run_stage: RunStage, services: Services, database_engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    meeting = Meeting(monkeypatch)
    run_stage(job, Stage.INGEST_FILES)
    assert meeting.begun == len(CONTENTS)
    assert_archived(database_engine, services, job, CONTENTS)


def test_failure_of_one_file_keeps_the_files_that_others_have_sent(
    job: int, run_stage: RunStage, services: Services, database_engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as unavailable:
        meeting = Meeting(unavailable)

        def fail() -> None:
            raise ServiceUnavailable("archive", "http://archive", "unavailable")

        unavailable.setattr(meeting, "first", fail)
        with pytest.raises(ServiceUnavailable, match="unavailable"):
            run_stage(job, Stage.INGEST_FILES)
    archived = [row.path for row in rows(database_engine, job) if row.state == "archived"]
    assert len(archived) <= meeting.begun - 1 < len(CONTENTS)
    again = Meeting(monkeypatch)
    run_stage(job, Stage.INGEST_FILES)
    assert again.begun <= len(CONTENTS) - len(archived)
    assert_archived(database_engine, services, job, CONTENTS)


def test_no_thread_sends_files_after_another_process_acquired_the_job(
    job: int, run_stage: RunStage, database_engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    meeting = Meeting(monkeypatch)

    def acquire() -> None:
        with Session(database_engine) as session, session.begin():
            session.execute(update(Job).where(Job.id == job).values(fence=Job.fence + 1))

    monkeypatch.setattr(meeting, "first", acquire)
    with pytest.raises(FenceLost):
        run_stage(job, Stage.INGEST_FILES)
    assert meeting.begun < len(CONTENTS)
    assert {row.state for row in rows(database_engine, job)} == {"sending"}


def test_file_with_another_hash_is_reported(make_job: MakeJob, run_before: RunBefore, run_stage: RunStage):
    entries = [file_entry(path, content) for path, content in CONTENTS.items()]
    entries[7]["hashsum"] = "f" * 40
    job = make_job(make_bundle(CONTENTS, [*transaction(), *entries]))
    run_before(job, Stage.INGEST_FILES)
    with pytest.raises(FilesRejected) as raised:
        run_stage(job, Stage.INGEST_FILES)
    assert "'007'" in raised.value.text
    assert "; " not in raised.value.text
