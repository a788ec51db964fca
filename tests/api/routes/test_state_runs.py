"""The state of a job with its run in Airflow: the answers before, during and after a request to Airflow."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, func

from api.polling.recent_runs import RecentRuns
from api.resources import resources_of
from ingest.errors.types import DatabaseUnavailable
from ingest.ledger import job_runs, jobs
from ingest.orchestrator import inferred_run
from ingest.states.airflow import Run, TaskInstance
from ingest.states.job_record import JobState, JobStatus, Outcome
from ingest.states.job_state import CLEARS_ALLOWED
from tests.api.routes.scripted_airflow import ScriptedAirflow
from tests.api.routes.states import (
    FAILED_RUN,
    NO_TAR,
    RUNNING,
    assert_true,
    change,
    state,
    wait_for_state,
    wait_until_airflow_answered,
)
from tools.waiting import wait_until

MakeApp = Callable[..., Flask]


def test_a_running_stage_is_shown_with_its_progress(
    client: FlaskClient, airflow: ScriptedAirflow, engine: Engine, job_id: int
) -> None:
    airflow.answer = RUNNING
    change(engine, job_id, stage="load_metadata", percent=41.26)
    document = wait_for_state(client, job_id, lambda state: bool(state["task"] == "load metadata"))
    assert (document["state"], document["task"], document["task_percent"]) == ("OK", "load metadata", "41.3")
    assert airflow.requested[0] == {f"job-{job_id}": "ingest"}


@pytest.mark.parametrize(
    ("columns", "task", "percent"),
    [
        ({"stage": None}, "UPLOADING", "0.0"),
        ({"stage": "load_metadata", "percent": 41.26, "holder": "a process"}, "load metadata", "41.3"),
        ({"finished": "open_tar"}, "open tar", "100.0"),
    ],
)
def test_a_poll_before_airflows_first_answer_is_answered_from_the_ledger(
    client: FlaskClient,
    airflow: ScriptedAirflow,
    engine: Engine,
    job_id: int,
    columns: dict[str, object],
    task: str,
    percent: str,
) -> None:
    hangs = threading.Event()
    airflow.before_answer = lambda: assert_true(hangs.wait(30))
    change(engine, job_id, **columns)
    document = state(client, job_id)
    assert (document["state"], document["task"], document["task_percent"]) == ("OK", task, percent)
    assert jobs.read(engine, job_id).record.last is None
    hangs.set()


@pytest.mark.parametrize("final", [True, False])
def test_an_error_is_shown_without_failed_until_the_run_is_known_to_have_ended(
    client: FlaskClient, airflow: ScriptedAirflow, engine: Engine, job_id: int, final: bool
) -> None:
    hangs = threading.Event()
    airflow.before_answer, airflow.answer = lambda: assert_true(hangs.wait(30)), FAILED_RUN
    change(engine, job_id, stage="open_tar", percent=5.0, error={**NO_TAR, "final": final})
    document = state(client, job_id)
    assert (document["state"], document["complete"]) == ("OK", False)
    assert (document["task"], document["task_percent"], document["exception"]) == ("open tar", "5.0", "no_tar: why")
    hangs.set()
    if final:
        assert wait_for_state(client, job_id, lambda state: bool(state["complete"]))["state"] == "FAILED"


def test_a_failed_job_is_failed_in_a_process_that_does_not_know_its_run(
    app: Flask, client: FlaskClient, airflow: ScriptedAirflow, engine: Engine, job_id: int
) -> None:
    airflow.answer = FAILED_RUN
    change(engine, job_id, stage="open_tar", error={**NO_TAR, "final": True})
    failed = wait_for_state(client, job_id, lambda state: bool(state["complete"]))
    hangs = threading.Event()
    airflow.before_answer = lambda: assert_true(hangs.wait(30))
    resources_of(app).register(RecentRuns(airflow))
    assert state(client, job_id) == failed
    hangs.set()


def test_a_job_that_one_process_has_shown_as_failed_is_failed_in_another_one_that_read_its_run_before_the_end(
    client: FlaskClient, make_app: MakeApp, airflow: ScriptedAirflow, engine: Engine, job_id: int
) -> None:
    airflow_of_other = ScriptedAirflow()
    airflow_of_other.answer = Run("running", (TaskInstance("open_tar", "running", 1),))
    other = make_app(airflow=airflow_of_other).test_client()
    change(engine, job_id, stage="open_tar", error={**NO_TAR, "final": True})
    assert wait_until_airflow_answered(other, airflow_of_other, job_id)["state"] == "OK"
    airflow.answer = FAILED_RUN
    failed = wait_for_state(client, job_id, lambda state: bool(state["complete"]))
    assert state(other, job_id) == failed
    # After a Clear the task is scheduled, so the job continues.
    airflow_of_other.answer = Run("running", (TaskInstance("open_tar", "scheduled", 2),))
    assert wait_for_state(other, job_id, lambda state: not state["complete"])["state"] == "OK"


def test_the_end_of_a_run_is_kept_even_without_further_polls(
    client: FlaskClient, airflow: ScriptedAirflow, engine: Engine, job_id: int
) -> None:
    airflow.answer = FAILED_RUN
    change(engine, job_id, stage="open_tar", error={**NO_TAR, "final": True})
    state(client, job_id)
    wait_until(lambda: jobs.read(engine, job_id).record.last is not None, 30, lambda: "the end of the run is not kept")
    assert state(client, job_id)["state"] == "FAILED"


def test_a_failed_job_that_is_retried_is_not_failed_in_a_process_that_knows_the_old_run(
    client: FlaskClient, airflow: ScriptedAirflow, engine: Engine, job_id: int
) -> None:
    airflow.answer = Run("success", ())
    assert wait_for_state(client, job_id, lambda state: bool(state["complete"]))["state"] == "FAILED"
    jobs.lift_override(engine, job_id)
    job_runs.count_run_change(engine, job_id)
    hangs = threading.Event()
    airflow.before_answer, airflow.answer = lambda: assert_true(hangs.wait(30)), Run("queued", ())
    change(engine, job_id, updated=func.now() - timedelta(minutes=1))
    assert {state(client, job_id)["state"] for _ in range(20)} == {"OK"}
    hangs.set()


def test_airflow_is_not_queried_for_a_job_that_has_just_made_progress(
    client: FlaskClient, airflow: ScriptedAirflow, engine: Engine, job_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A commit can take as long as the real one on a busy disk.
    monkeypatch.setattr(inferred_run, "LEDGER_TRUST_SECONDS", 60.0)
    change(engine, job_id, stage="load_metadata", percent=41.26, holder="a process", updated=func.now())
    document = state(client, job_id)
    assert (document["state"], document["task"], document["task_percent"]) == ("OK", "load metadata", "41.3")
    assert airflow.requested == []


def test_the_last_answered_state_is_kept_and_answered_while_airflow_is_unavailable(
    app: Flask, client: FlaskClient, airflow: ScriptedAirflow, job_id: int
) -> None:
    airflow.answer = RUNNING
    before = wait_for_state(client, job_id, lambda state: bool(state["task"] == "load metadata"))
    resources_of(app).register(RecentRuns(airflow))
    airflow.answer = None
    assert wait_for_state(client, job_id, lambda state: bool(state["task"] == "load metadata")) == before


def test_unavailable_airflow_changes_no_kept_state(
    client: FlaskClient, airflow: ScriptedAirflow, engine: Engine, job_id: int
) -> None:
    assert wait_until_airflow_answered(client, airflow, job_id)["task"] == "UPLOADING"
    assert jobs.read(engine, job_id).record.last is None


def test_a_state_that_cannot_be_kept_is_answered(
    client: FlaskClient, airflow: ScriptedAirflow, job_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise DatabaseUnavailable("read only")

    monkeypatch.setattr(jobs, "keep_last_state", refuse)
    airflow.answer = RUNNING
    wait_for_state(client, job_id, lambda state: bool(state["task"] == "load metadata"))


def test_a_cataloged_job_is_complete_without_a_request_to_airflow(
    client: FlaskClient, airflow: ScriptedAirflow, engine: Engine, job_id: int
) -> None:
    change(engine, job_id, outcome=Outcome.CATALOGED)
    document = state(client, job_id)
    assert (document["task"], document["task_percent"], document["complete"]) == ("ingest metadata", "100.0", True)
    assert airflow.requested == []


def test_an_overridden_job_has_the_admins_state_without_a_request_to_airflow(
    client: FlaskClient, airflow: ScriptedAirflow, engine: Engine, job_id: int
) -> None:
    jobs.override(engine, job_id, JobState(JobStatus.FAILED, "ingest files", 0.0, "by hand", complete=True))
    document = state(client, job_id)
    assert (document["state"], document["task"], document["exception"]) == ("FAILED", "ingest files", "by hand")
    assert airflow.requested == []


def test_airflow_is_not_queried_for_a_job_that_was_never_triggered(
    client: FlaskClient, airflow: ScriptedAirflow, engine: Engine, job_id: int
) -> None:
    change(engine, job_id, triggered=None)
    assert state(client, job_id)["task"] == "UPLOADING"
    assert airflow.requested == []


def test_a_job_that_is_cataloged_during_a_request_to_airflow_is_not_shown_as_skipped(
    client: FlaskClient, airflow: ScriptedAirflow, engine: Engine, job_id: int
) -> None:
    airflow.before_answer = lambda: change(engine, job_id, outcome=Outcome.CATALOGED)
    airflow.answer = Run("success", ())
    document = wait_for_state(client, job_id, lambda state: bool(state["complete"]))
    assert (document["state"], document["task"], document["complete"]) == ("OK", "ingest metadata", True)


def test_a_run_that_is_cleared_for_the_last_time_during_a_request_to_airflow_is_not_shown_as_failed(
    client: FlaskClient, airflow: ScriptedAirflow, engine: Engine, job_id: int
) -> None:
    def clear() -> None:
        airflow.before_answer = lambda: None
        job_runs.count_clear(engine, job_id)

    change(engine, job_id, clears=CLEARS_ALLOWED - 1)
    airflow.answers = [Run("failed", (TaskInstance("open_tar", "failed", 1),))]
    airflow.before_answer, airflow.answer = clear, Run("queued", (TaskInstance("open_tar", None, 2),))
    for _ in range(20):
        document = wait_until_airflow_answered(client, airflow, job_id)
        assert (document["state"], document["complete"]) == ("OK", False)
