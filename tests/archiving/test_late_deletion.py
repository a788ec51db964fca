"""A deletion that a busy archive carries out late, after its client timed out, deletes no file of ours.

These tests use the real ArchiveInterface as docs/how-to/scale.md recommends: several processes with one thread each, on one
folder.
"""

import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from ingest.archiving.hashing_body import HashingBody
from ingest.archiving.rejection import remove
from ingest.errors.types import ServiceUnavailable
from ingest.ledger.files import files_to_remove
from ingest.ledger.models import Event
from ingest.services import Services
from ingest.services.archive import PacificaArchive
from ingest.services.http_client import HttpClient
from ingest.settings.loading import Settings
from ingest.states.stages import Stage
from tests.archiving.test_batches import RunBefore, assert_archived, rows
from tests.archiving.test_refusing_archive import BLOCK, die_half_way, send_and_die
from tests.contracts.unprivileged_archive import unprivileged_archives
from tests.job_fixtures import MakeJob, OpenContext, RunStage
from tests.killing import Killed
from tools.bundles import CONTENTS
from tools.waiting import wait_until

pytestmark = pytest.mark.usefixtures("no_waiting")

TIMEOUT_SECONDS = 1
END_SECONDS = 60
FOREIGN_ID = 999_999
FOREIGN_SIZE = 100_000
HEADERS = f"PUT /{FOREIGN_ID} HTTP/1.1\r\nHost: archive\r\nContent-Type: application/octet-stream\r\n"


class BusyArchive:
    """A process of the archive that is busy with a long request of another client."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = socket.create_connection((str(parts.hostname), parts.port or 0), END_SECONDS)
        self._connection.sendall(f"{HEADERS}Content-Length: {FOREIGN_SIZE}\r\n\r\n".encode() + b"x")
        self._url = url

    def close(self) -> None:
        """End the long request, also when a test has failed."""
        self._connection.close()

    def client(self, read_timeout: float) -> PacificaArchive:
        """Return a client of this process."""
        return PacificaArchive(HttpClient("archive", self._url, TIMEOUT_SECONDS, read_timeout, BLOCK), BLOCK)

    def delete(self, file_id: int) -> None:
        """Send a DELETE that times out."""
        with closing(self.client(TIMEOUT_SECONDS)) as client:
            client.delete(file_id)

    def finish(self) -> None:
        """Finish the long request, so that the archive executes all requests that it has received since."""
        with self._connection as connection:
            connection.sendall(bytes(FOREIGN_SIZE - 1))
            assert connection.recv(100).startswith(b"HTTP/1.1 201")
        with closing(self.client(END_SECONDS)) as client:
            assert client.holds(FOREIGN_ID)
            client.delete(FOREIGN_ID)


@pytest.fixture(scope="module")
def archive_urls() -> Iterator[list[str]]:
    with unprivileged_archives(2) as urls:
        yield urls


@pytest.fixture
def settings(settings: Settings, archive_urls: list[str]) -> Settings:
    """Direct all requests to the idle process; tests direct single requests to the busy one."""
    update = {"archiveinterface_url": archive_urls[0], "transfer_size": BLOCK, "archive_sent_ahead": 1}
    return settings.model_copy(update=update)


@pytest.fixture
def busy(archive_urls: list[str], services: Services) -> Iterator[BusyArchive]:
    with closing(BusyArchive(archive_urls[1])) as busy:
        wait_until(
            lambda: services.archive.holds(FOREIGN_ID), END_SECONDS, lambda: "the archive does not begin the request"
        )
        yield busy


@pytest.fixture
def job(make_job: MakeJob, run_before: RunBefore) -> int:
    """Return a job whose files are not sent yet."""
    job = make_job()
    run_before(job, Stage.INGEST_FILES)
    return job


def replaced(engine: Engine, job: int) -> list[str]:
    with Session(engine) as session:
        kind = "file_ids_replaced"
        return list(session.scalars(select(Event.text).where(Event.job_id == job, Event.kind == kind)))


@pytest.mark.parametrize("is_killed", [False, True], ids=["times out", "is killed"])
def test_late_deletion_of_a_partial_file_deletes_no_archived_file(
    job: int, busy: BusyArchive, open_context: OpenContext, run_stage: RunStage, services: Services,
    database_engine: Engine, monkeypatch: pytest.MonkeyPatch, is_killed: bool,
):  # fmt: skip
    with monkeypatch.context() as killing:
        killing.setattr(HashingBody, "read", die_half_way)
        send_and_die(open_context, job)
    before = [row.file_id for row in rows(database_engine, job)]
    with monkeypatch.context() as unanswered:
        unanswered.setattr(services.archive, "delete", delete_on(busy, is_killed=is_killed))
        with pytest.raises(Killed if is_killed else ServiceUnavailable):
            run_stage(job, Stage.INGEST_FILES)
    run_stage(job, Stage.INGEST_FILES)
    busy.finish()
    assert_archived(database_engine, services, job, CONTENTS)
    after = [row.file_id for row in rows(database_engine, job)]
    [text] = replaced(database_engine, job)
    [old], [new] = set(before) - set(after), set(after) - set(before)
    assert f": {old}, now {new}" in text
    assert not services.archive.holds(old or 0)


@pytest.mark.parametrize("is_killed", [False, True], ids=["times out", "is killed"])
def test_late_deletion_of_a_rejected_file_deletes_no_file_that_is_sent_after_a_clear(
    job: int, busy: BusyArchive, open_context: OpenContext, run_stage: RunStage, services: Services,
    database_engine: Engine, monkeypatch: pytest.MonkeyPatch, is_killed: bool,
):  # fmt: skip
    run_stage(job, Stage.INGEST_FILES)
    with monkeypatch.context() as unanswered:
        unanswered.setattr(services.archive, "delete", delete_on(busy, is_killed=is_killed))
        with pytest.raises(Killed if is_killed else ServiceUnavailable):
            remove_all_of(open_context, job)
    remove_all_of(open_context, job)
    run_stage(job, Stage.INGEST_FILES)
    busy.finish()
    assert_archived(database_engine, services, job, CONTENTS)


def delete_on(busy: BusyArchive, *, is_killed: bool) -> Callable[[int], None]:
    """Return a `delete` that sends its request to the busy process, and is killed or times out."""

    def delete(file_id: int) -> None:
        try:
            busy.delete(file_id)
        except ServiceUnavailable:
            if is_killed:
                raise Killed from None
            raise

    return delete


def remove_all_of(open_context: OpenContext, job: int) -> None:
    with open_context(job, Stage.INGEST_FILES) as context:
        remove(context, files_to_remove(context.lease))
