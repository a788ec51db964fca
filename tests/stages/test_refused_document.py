"""A service that answers one document with an error of its own, again and again, while it accepts those of other jobs."""

from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from sqlalchemy import Engine

from ingest.errors.types import DocumentRefused, ServiceUnavailable
from ingest.ledger import jobs
from ingest.settings.loading import Settings
from ingest.stages import run_stage
from ingest.stages.refused_document import REFUSALS
from ingest.states.job_record import JobRecord
from ingest.states.stages import STAGES, Kind, Stage
from tests.job_fixtures import MakeJob
from tests.services.scripted_server import Script, ScriptedServer, failure, reply, scripted_server

BEFORE = STAGES[Kind.INGEST][: STAGES[Kind.INGEST].index(Stage.VALIDATE_POLICY)]
ACCEPTED = reply(200, {"status": "success"})
NO_NUMBER = failure("ValueError: invalid literal for int() with base 10: 'ten'")
Attempt = Callable[[int, Script], JobRecord]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as server:
        yield server


@pytest.fixture
def attempt(
    settings: Settings,
    server: ScriptedServer,
    shared_engine: None,
    database_engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> Attempt:
    """Return a function that runs the stage of a job that sends its document to policy, which answers as scripted."""
    with_policy = settings.model_copy(update={"policy_ingest_url": server.url})
    monkeypatch.setattr(run_stage, "load_settings", lambda: with_policy)

    def attempt(job: int, answer: Script) -> JobRecord:
        server.then(answer)
        with suppress(ServiceUnavailable, DocumentRefused):
            run_stage.run_stage(Stage.VALIDATE_POLICY, job, 1, last_try=False)
        return jobs.read(database_engine, job).record

    return attempt


@pytest.fixture
def make_loaded(make_job: MakeJob, attempt: Attempt) -> Callable[[], int]:
    """Return a function that makes a job whose next stage sends its document to policy."""

    def make() -> int:
        job = make_job()
        for stage in BEFORE:
            run_stage.run_stage(stage, job, 1, last_try=False)
        return job

    return make


def test_job_that_is_refused_alone_is_rejected_after_a_bounded_number_of_attempts(
    make_loaded: Callable[[], int], attempt: Attempt
):
    refused, other = make_loaded(), make_loaded()
    for _ in range(REFUSALS):
        assert attempt(refused, NO_NUMBER).is_waiting
        assert attempt(other, ACCEPTED).error is None
    record = attempt(refused, NO_NUMBER)
    assert record.is_rejected
    assert record.error is not None
    assert record.error.text.startswith("document_refused: the uploader must fix this: the service answered 9 attempts")
    assert "invalid literal for int() with base 10: 'ten'" in record.error.text


def test_job_keeps_waiting_while_no_other_job_is_accepted(make_loaded: Callable[[], int], attempt: Attempt):
    job, other = make_loaded(), make_loaded()
    for _ in range(REFUSALS + 2):
        assert attempt(job, NO_NUMBER).is_waiting
    # A service that has recovered once accepts many jobs; that says nothing about the earlier attempts.
    for _ in range(REFUSALS):
        attempt(other, ACCEPTED)
    assert attempt(job, NO_NUMBER).is_waiting


def test_job_keeps_waiting_when_the_errors_differ(make_loaded: Callable[[], int], attempt: Attempt):
    job, other = make_loaded(), make_loaded()
    for number in range(REFUSALS + 2):
        assert attempt(job, failure(f"ConnectionError: connection {number} was refused")).is_waiting
        attempt(other, ACCEPTED)


def test_job_keeps_waiting_for_a_service_that_does_not_answer_it(make_loaded: Callable[[], int], attempt: Attempt):
    job, other = make_loaded(), make_loaded()
    for _ in range(REFUSALS + 2):
        assert attempt(job, reply(503, {"message": "Service Unavailable"})).is_waiting
        attempt(other, ACCEPTED)
