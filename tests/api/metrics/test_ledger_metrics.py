"""The metrics of the ledger: their values for jobs in each state."""

from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from sqlalchemy import Engine, create_engine, func, insert, text, update

from api.metrics import ledger_metrics
from api.metrics.ledger_metrics import LedgerCollector
from ingest.ledger import service_request_totals
from ingest.ledger.database import transaction
from ingest.ledger.events import EventKind, add_event
from ingest.ledger.lease import acquire_job
from ingest.ledger.models import Event, Notification, Webhook
from ingest.ledger.service_request_totals import RequestKey, Requests
from ingest.states.stages import Kind, Stage
from tests.api.metrics.scraping import Scrape
from tests.job_creation import create_job
from tests.ledger.job_rows import received, set_columns


def read(engine: Engine) -> Scrape:
    registry = CollectorRegistry()
    registry.register(LedgerCollector(engine))
    return Scrape(generate_latest(registry).decode())


def wait_for_archive(engine: Engine, job: int, since: str) -> None:
    set_columns(engine, job, waiting={"service": "archive", "code": "service_unavailable", "since": since})


def test_an_empty_ledger_has_metrics(separate_engine: Engine):
    found = read(separate_engine)
    assert found.value("ledger_up") == 1
    assert found.value("uploads_in_progress") == 0
    assert found.value("jobs", kind="ingest", state="waiting", code="") is None


def test_jobs_are_counted_by_state(separate_engine: Engine):
    for job in range(1, 6):
        create_job(separate_engine, received(job))
    create_job(separate_engine, received(6, Kind.MOVE))
    set_columns(separate_engine, 1, holder="a process")
    with transaction(separate_engine) as session:
        add_event(session, 2, EventKind.CATALOGED, Stage.INGEST_METADATA)
    set_columns(separate_engine, 2, outcome="catalogued", error=None)
    for job in (3, 4):
        set_columns(separate_engine, job, error={"code": "bundle_invalid", "final": True})
    found = read(separate_engine)
    values = {("ingest", "running", ""): 1, ("ingest", "complete", ""): 1, ("ingest", "failed", "bundle_invalid"): 2,
              ("ingest", "waiting", ""): 1, ("move", "waiting", ""): 1}  # fmt: skip
    samples = found.families["pacifica_ingest_jobs"].samples
    labels = ("kind", "state", "code")
    assert {tuple(sample.labels[each] for each in labels): sample.value for sample in samples} == values


def test_the_queue_is_as_old_as_its_oldest_job_that_can_start(separate_engine: Engine):
    for job, seconds in ((1, 300), (2, 200), (3, 100)):
        create_job(separate_engine, received(job))
        set_columns(separate_engine, job, created=func.now() - timedelta(seconds=seconds))
    set_columns(separate_engine, 1, stage=Stage.OPEN_TAR)
    wait_for_archive(separate_engine, 2, "2026-11-30T12:00:00+00:00")
    age = read(separate_engine).value("queue_age_seconds", kind="ingest")
    assert age is not None
    assert 100 <= age < 200


def test_jobs_that_wait_are_counted_by_service(separate_engine: Engine):
    for job in (1, 2):
        create_job(separate_engine, received(job))
        wait_for_archive(separate_engine, job, f"2026-11-30T1{job}:00:00+00:00")
    found = read(separate_engine)
    assert found.value("jobs_waiting_for_service", service="archive", code="service_unavailable") == 2
    with separate_engine.connect() as connection:
        longest = connection.scalar(text("SELECT extract(epoch FROM now() - timestamptz '2026-11-30 11:00Z')::float"))
    assert found.value("service_wait_age_seconds", service="archive") == pytest.approx(longest, abs=60)


def test_histograms_are_cumulated(separate_engine: Engine):
    for job in range(1, 4):
        create_job(separate_engine, received(job))
        with acquire_job(separate_engine, job, Stage.OPEN_TAR, 1) as lease:
            assert lease is not None
            lease.finish_stage()
        with transaction(separate_engine) as session:
            moved = update(Event).where(Event.job_id == job, Event.kind == EventKind.STAGE_STARTED)
            session.execute(moved.values(at=Event.at - timedelta(seconds=3 * job - 2.5)))
    found = read(separate_engine)
    name, labels = "stage_duration_seconds", {"kind": "ingest", "stage": "open_tar"}
    bounds = ("0.5", "1.0", "5.0", "10.0", "86400.0", "+Inf")
    # Durations of 0.5, 3.5 and 6.5 seconds, and what the tests took.
    assert [found.value(f"{name}_bucket", le=bound, **labels) for bound in bounds] == [0, 1, 2, 3, 3, 3]
    assert found.value(f"{name}_count", **labels) == 3
    assert found.value(f"{name}_sum", **labels) == pytest.approx(10.5, abs=3)


def test_failures_have_stage_and_code(separate_engine: Engine):
    create_job(separate_engine, received(1))
    for final in (False, False, True):
        with acquire_job(separate_engine, 1, Stage.INGEST_FILES, 1) as lease:
            assert lease is not None
            lease.fail_stage("service_unavailable", "no answer", final=final)
    found = read(separate_engine)
    labels = {"kind": "ingest", "stage": "ingest_files", "code": "service_unavailable"}
    assert found.value("stage_failures_total", final="false", **labels) == 2
    assert found.value("stage_failures_total", final="true", **labels) == 1
    assert found.value("jobs", kind="ingest", state="failed", code="service_unavailable") == 1


def test_requests_of_two_attempts_are_added(separate_engine: Engine):
    key = RequestKey("archive", "PUT", "201", 1)
    service_request_totals.add(separate_engine, {key: Requests(2, 1.5), key._replace(status="none"): Requests(1, 0.1)})
    service_request_totals.add(separate_engine, {key: Requests(1, 0.5)})
    found = read(separate_engine)
    labels = {"service": "archive", "method": "PUT"}
    assert found.value("stage_request_duration_seconds_count", status="201", **labels) == 3
    assert found.value("stage_request_duration_seconds_sum", status="201", **labels) == 2
    assert found.value("stage_request_duration_seconds_bucket", status="201", le="0.5", **labels) == 0
    assert found.value("stage_request_duration_seconds_count", status="none", **labels) == 1


def test_webhooks_fail_and_recover(separate_engine: Engine):
    create_job(separate_engine, received(1))
    with transaction(separate_engine) as session:
        session.execute(insert(Webhook).values(name="new", events=[]))
        session.execute(insert(Webhook).values(name="dead", events=[], last_failure=func.now()))
        session.execute(insert(Webhook).values(name="removed", events=[], removed=func.now()))
        event = session.scalars(text("SELECT id FROM event").columns(Event.id)).one()
        values = {"event_id": event, "job_id": 1, "type": "job.received", "next_try": func.now()}
        session.execute(insert(Notification).values(webhook="dead", **values))
    found = read(separate_engine)
    assert [found.value("webhook_failing", webhook=name) for name in ("new", "dead", "removed")] == [0, 1, None]
    assert [found.value("webhook_notifications_waiting", webhook=name) for name in ("new", "dead")] == [0, 1]
    with transaction(separate_engine) as session:
        session.execute(update(Webhook).values(last_success=func.now()))
    assert read(separate_engine).value("webhook_failing", webhook="dead") == 0


def test_without_a_database_there_are_other_metrics():
    assert set(read(create_engine("postgresql+psycopg2://nobody@127.0.0.1:1/none")).families) == {
        "pacifica_ingest_ledger_up"
    }


def test_simultaneous_scrapes_share_one_reading(separate_engine: Engine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ledger_metrics, "LIFETIME_SECONDS", 3600)
    collector = LedgerCollector(separate_engine)
    first, second = ({each.name: each.samples for each in collector.collect()} for _ in range(2))
    create_job(separate_engine, received(1))
    assert first == second == {each.name: each.samples for each in collector.collect()}
