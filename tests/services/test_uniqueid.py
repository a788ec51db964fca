"""Unique ids, or an error."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import chain

import pytest
from sqlalchemy import Engine, delete

from ingest.errors.types import ServiceUnavailable
from ingest.ledger.database import transaction
from ingest.ledger.models import File, Job, OriginalJob
from ingest.services.http_client import HttpClient
from ingest.services.uniqueid import BuiltInUniqueID, PacificaUniqueID
from tests.services.scripted_server import ScriptedServer, reply

# Above the ids of any test, and below 2**31, the maximum of the real catalog: the sequences keep these values.
FAR = 10**8


def test_range_of_the_service_is_returned(server: ScriptedServer, client: HttpClient) -> None:
    server.then(reply(200, {"startIndex": 2, "endIndex": 6}))
    assert PacificaUniqueID(client).allocate("file", 5) == range(2, 7)
    assert server.received[0].path == "/getid?range=5&mode=file"


@pytest.mark.parametrize(
    "document",
    [
        {"startIndex": -1, "endIndex": -3},
        {"startIndex": 2, "endIndex": 5},
        {"startIndex": 2, "endIndex": 7},
        {"startIndex": -1, "endIndex": 3},
        {"startIndex": "2", "endIndex": "6"},
        {"startIndex": 2},
        [2, 6],
        "2",
    ],
)
def test_any_other_answer_is_service_unavailable(server: ScriptedServer, client: HttpClient, document: object) -> None:
    server.then(reply(200, document))
    with pytest.raises(ServiceUnavailable, match="for a request of 5"):
        PacificaUniqueID(client).allocate("file", 5)


def test_answer_that_is_not_json_is_service_unavailable(server: ScriptedServer, client: HttpClient) -> None:
    server.then(reply(200, body=b"<html>"))
    with pytest.raises(ServiceUnavailable):
        PacificaUniqueID(client).allocate("file", 5)


def test_no_request_is_sent_for_no_ids(server: ScriptedServer, client: HttpClient) -> None:
    assert PacificaUniqueID(client).allocate("file", 0) == range(0)
    assert server.received == []


@pytest.fixture
def far_job(database_engine: Engine) -> Iterator[Job]:
    """Insert a job with a file whose ids are above those of the sequences."""
    job = Job(id=FAR, kind="bundle", user="u", spool_name="s", size=1)
    with transaction(database_engine) as session:
        session.add(job)
        session.flush()
        session.add(File(job_id=FAR, path="data/a", file_id=FAR))
    yield job
    with transaction(database_engine) as session:
        session.execute(delete(Job).where(Job.id == FAR))


def test_built_in_ids_follow_each_other(database_engine: Engine) -> None:
    uniqueid = BuiltInUniqueID(database_engine)
    first, second = uniqueid.allocate("file", 5), uniqueid.allocate("file", 3)
    assert (len(first), len(second)) == (5, 3)
    assert second.start >= first.stop


def test_built_in_modes_count_for_themselves(database_engine: Engine) -> None:
    uniqueid = BuiltInUniqueID(database_engine)
    before = uniqueid.allocate("upload_job", 1)
    uniqueid.allocate("file", 1000)
    assert uniqueid.allocate("upload_job", 1).start < before.start + 1000


def test_built_in_allocation_of_none_is_empty(database_engine: Engine) -> None:
    assert BuiltInUniqueID(database_engine).allocate("file", 0) == range(0)


def test_built_in_ids_are_above_those_of_imported_jobs(database_engine: Engine, far_job: Job) -> None:
    uniqueid = BuiltInUniqueID(database_engine)
    assert uniqueid.allocate("upload_job", 2).start > far_job.id
    assert uniqueid.allocate("file", 2).start > FAR


@pytest.fixture
def originals_job(database_engine: Engine) -> Iterator[OriginalJob]:
    """Insert a job of the original service whose id is above that of the sequence."""
    now = datetime(2026, 1, 1)
    job = OriginalJob(
        id=2 * FAR, state="OK", task="UPLOADING", task_percent=0, exception="", complete=False, created=now, updated=now
    )
    with transaction(database_engine) as session:
        session.add(job)
    yield job
    with transaction(database_engine) as session:
        session.execute(delete(OriginalJob))


def test_built_in_ids_are_above_those_of_the_original_service(
    database_engine: Engine, originals_job: OriginalJob
) -> None:
    assert BuiltInUniqueID(database_engine).allocate("upload_job", 1).start > originals_job.id


def test_simultaneous_built_in_allocations_never_overlap(database_engine: Engine) -> None:
    uniqueid = BuiltInUniqueID(database_engine)
    with ThreadPoolExecutor(8) as pool:
        ranges = list(pool.map(lambda count: uniqueid.allocate("file", count), range(1, 101)))
    ids = list(chain.from_iterable(ranges))
    assert [len(found) for found in ranges] == list(range(1, 101))
    assert len(set(ids)) == len(ids)
