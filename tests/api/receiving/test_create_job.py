"""The commit of a received file, and the file when the commit fails."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine

from api.receiving import create_job as job_creation
from api.resources import Resources, resources_of
from ingest.errors.types import DatabaseUnavailable
from ingest.ledger import jobs, uploads
from ingest.ledger.database import transaction
from ingest.ledger.events import EventKind
from ingest.ledger.jobs import Received
from ingest.states.stages import Kind
from tests.job_creation import create_job

create_for_real = jobs.create


class RepeatingUniqueID:
    """Allocates predefined ids, some of them in use, as the real UniqueID has done."""

    def __init__(self, ids: list[int]) -> None:
        self._ids = ids

    def allocate(self, _mode: str, count: int) -> range:
        first = self._ids.pop(0)
        return range(first, first + count)


@pytest.fixture
def app(make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch) -> Flask:
    monkeypatch.setattr(job_creation, "RETRY_PAUSES", (0.0, 0.0))
    return make_app()


@pytest.fixture
def resources(app: Flask) -> Resources:
    return resources_of(app)


def files(resources: Resources) -> list[str]:
    return [path.name for path in resources.settings.volume_path.iterdir()]


def upload(app: Flask) -> tuple[int, dict[str, Any]]:
    answer = app.test_client().post("/upload", data=b"bundle", content_type="application/octet-stream")
    return answer.status_code, answer.get_json()


def taken_id(resources: Resources) -> int:
    job_id = resources.services.uniqueid.allocate("upload_job", 1)[0]
    create_job(resources.engine, Received(job_id, Kind.INGEST, "other", f"{job_id}.tar", 1))
    return job_id


def replace_uniqueid(app: Flask, *ids: int) -> None:
    resources = resources_of(app)
    object.__setattr__(resources.services, "uniqueid", RepeatingUniqueID(list(ids)))


def test_an_id_that_uniqueid_allocates_twice_is_not_used(app: Flask, resources: Resources) -> None:
    taken = taken_id(resources)
    replace_uniqueid(app, taken, taken + 1)
    assert upload(app)[1]["job_id"] == taken + 1
    assert jobs.read(resources.engine, taken).received.user == "other"


def test_an_id_that_is_taken_during_the_upload_is_replaced_and_the_file_keeps_its_name(
    app: Flask, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = resources.services.uniqueid.allocate("upload_job", 1)[0]

    def create_too_late(engine: Engine, received: Received, _sha256: bytes | None) -> None:
        if received.job_id == first:
            monkeypatch.setattr(jobs, "create", create_for_real)
            create_job(engine, Received(first, Kind.INGEST, "other", f"{first}.tar", 1))
        create_for_real(engine, received)

    monkeypatch.setattr(jobs, "create", create_too_late)
    replace_uniqueid(app, first, first + 1)
    status, document = upload(app)
    assert (status, document["job_id"]) == (200, first + 1)
    name = jobs.read(resources.engine, first + 1).received.spool_name
    assert name.startswith(f"{first}-")
    assert files(resources) == [name]


def test_ids_that_are_always_taken_end_in_503_before_anything_is_read(app: Flask, resources: Resources) -> None:
    replace_uniqueid(app, *[taken_id(resources)] * job_creation.MAX_ID_ATTEMPTS)
    status, document = upload(app)
    assert status == 503
    assert "ids of existing jobs 5 times" in document["message"]
    assert files(resources) == []


def test_a_database_that_is_unavailable_before_the_commit_leaves_no_file(
    app: Flask, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []

    def read_once(engine: Engine, job_id: int) -> jobs.JobSnapshot:
        reads.append(job_id)
        if len(reads) > 1:
            assert files(resources) != []
            raise DatabaseUnavailable("the connection was lost")
        return jobs_read(engine, job_id)

    jobs_read = jobs.read
    monkeypatch.setattr(jobs, "read", read_once)
    assert upload(app)[0] == 503
    assert files(resources) == []


def test_a_commit_whose_answer_is_lost_is_found_and_the_upload_succeeds(
    app: Flask, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def create_and_lose_the_answer(engine: Engine, received: Received, _sha256: bytes | None) -> None:
        calls.append(received)
        create_for_real(engine, received)
        raise DatabaseUnavailable("the connection was lost in COMMIT")

    monkeypatch.setattr(jobs, "create", create_and_lose_the_answer)
    status, document = upload(app)
    assert status == 200
    name = jobs.read(resources.engine, document["job_id"]).received.spool_name
    assert files(resources) == [name]
    assert len(calls) == 2


def test_a_commit_whose_answer_is_lost_is_found_although_the_job_is_complete_already(
    app: Flask, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    def create_complete_and_lose_the_answer(engine: Engine, received: Received, _sha256: bytes | None) -> None:
        monkeypatch.setattr(jobs, "create", create_for_real)
        create_for_real(engine, received)
        with transaction(engine) as session:
            jobs.get_job(session, received.job_id).spool_name = jobs.REMOVED
        raise DatabaseUnavailable("the connection was lost in COMMIT")

    monkeypatch.setattr(jobs, "create", create_complete_and_lose_the_answer)
    assert upload(app)[0] == 200


def test_a_commit_that_never_arrived_is_repeated(
    app: Flask, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def lose_the_first(engine: Engine, received: Received, _sha256: bytes | None) -> None:
        calls.append(received)
        if len(calls) == 1:
            raise DatabaseUnavailable("the connection was lost before COMMIT")
        create_for_real(engine, received)

    monkeypatch.setattr(jobs, "create", lose_the_first)
    status, document = upload(app)
    assert status == 200
    assert files(resources) == [jobs.read(resources.engine, document["job_id"]).received.spool_name]


def test_a_file_that_a_row_may_name_is_kept_while_the_outcome_is_unknown(
    app: Flask, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(*_: object, **__: object) -> None:
        raise DatabaseUnavailable("the connection was lost")

    monkeypatch.setattr(jobs, "create", lose)
    monkeypatch.setattr(uploads, "remove", lose)
    status, document = upload(app)
    assert status == 503
    assert "query the job's state later" in document["message"]
    assert [Path(name).suffix for name in files(resources)] == [".tar"]


def test_a_job_that_was_committed_keeps_its_file_although_the_api_never_learned_of_it(
    app: Flask, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    created: list[Received] = []

    def create_and_never_answer(engine: Engine, received: Received, _sha256: bytes | None) -> None:
        if not created:
            create_for_real(engine, received)
        created.append(received)
        raise DatabaseUnavailable("the connection was lost")

    monkeypatch.setattr(jobs, "create", create_and_never_answer)
    assert upload(app)[0] == 503
    assert files(resources) == [jobs.read(resources.engine, created[0].job_id).received.spool_name]


def test_an_upload_that_was_abandoned_in_the_meantime_becomes_no_job(
    app: Flask, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    def create_too_late(engine: Engine, received: Received, _sha256: bytes | None) -> None:
        assert uploads.remove(engine, resources.settings.volume_path, received.spool_name, EventKind.UPLOAD_ABANDONED)
        create_for_real(engine, received)

    monkeypatch.setattr(jobs, "create", create_too_late)
    status, document = upload(app)
    assert status == 503
    assert "send it again" in document["message"]
    assert files(resources) == []


def test_an_unexpected_error_of_the_commit_leaves_no_file(
    app: Flask, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(engine: Engine, received: Received, _sha256: bytes | None) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(jobs, "create", fail)
    assert upload(app)[0] == 500
    assert files(resources) == []
