"""The requests of a stage are in the ledger when it has ended, also after a failure; they are not worth an error."""

import logging

import pytest
from sqlalchemy import Engine, event, func, select
from sqlalchemy.orm import Session

from ingest.errors.types import DatabaseUnavailable, ServiceUnavailable
from ingest.ledger import lease, service_request_totals
from ingest.ledger.models import ServiceRequestTotal
from ingest.ledger.service_request_totals import RequestKey, Requests
from ingest.settings.loading import Settings
from ingest.stages import run_stage
from ingest.states.stages import Stage
from tests.job_fixtures import MakeJob
from tests.services.scripted_server import Script, reply, scripted_server


def counted(engine: Engine, status: str) -> int:
    """Return the number of requests to Policy with a status."""
    total = select(func.sum(ServiceRequestTotal.count)).where(
        ServiceRequestTotal.service == "policy", ServiceRequestTotal.status == status
    )
    with Session(engine) as session:
        return int(session.scalar(total) or 0)


def validate_policy(settings: Settings, job: int, monkeypatch: pytest.MonkeyPatch, *answers: Script) -> None:
    """Run the stages of a job up to the one that queries Policy, which answers with a status."""
    monkeypatch.setattr(lease, "CHECK_SECONDS", 0.0)
    with scripted_server() as policy:
        policy.then(*answers)
        changed = settings.model_copy(update={"policy_ingest_url": policy.url})
        monkeypatch.setattr(run_stage, "load_settings", lambda: changed)
        for stage in (Stage.OPEN_TAR, Stage.LOAD_METADATA, Stage.VALIDATE_POLICY):
            run_stage.run_stage(stage, job, 1, last_try=False)


def test_requests_are_counted_when_a_stage_ends(
    settings: Settings, make_job: MakeJob, database_engine: Engine, shared_engine: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = counted(database_engine, "200")
    validate_policy(settings, make_job(), monkeypatch, reply(200, {"status": "success"}))
    assert counted(database_engine, "200") == before + 1


def test_requests_of_a_stage_that_fails_are_counted(
    settings: Settings, make_job: MakeJob, database_engine: Engine, shared_engine: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = counted(database_engine, "503")
    with pytest.raises(ServiceUnavailable):
        validate_policy(settings, make_job(), monkeypatch, reply(503, {}))
    assert counted(database_engine, "503") == before + 1


def test_a_stage_succeeds_whose_requests_cannot_be_counted(
    settings: Settings,
    make_job: MakeJob,
    shared_engine: None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def unavailable(*_: object) -> None:
        raise DatabaseUnavailable("no connection")

    monkeypatch.setattr(service_request_totals, "add", unavailable)
    with caplog.at_level(logging.WARNING):
        validate_policy(settings, make_job(), monkeypatch, reply(200, {"status": "success"}))
    assert "the requests of this attempt are not counted: " in caplog.text


def test_all_requests_of_an_attempt_are_added_by_one_statement(separate_engine: Engine) -> None:
    keys = [RequestKey("archive", "PUT", status, bound) for status in ("200", "503") for bound in (0.1, 1.0)]
    executed: list[bool] = []

    def record(*call: object) -> None:
        # Whether the driver repeats the statement for each row.
        executed.append(bool(call[-1]))

    event.listen(separate_engine, "before_cursor_execute", record)
    try:
        for _ in range(2):
            service_request_totals.add(separate_engine, {key: Requests(3, 1.5) for key in keys})
    finally:
        event.remove(separate_engine, "before_cursor_execute", record)
    assert executed == [False, False]
    with Session(separate_engine) as session:
        assert service_request_totals.read(session) == {key: Requests(6, 3.0) for key in keys}
