"""The state of a waiting job reports its reason to wait."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, func

from api.polling.recent_obstacles import RecentObstacles
from api.resources import resources_of
from ingest.ledger import jobs
from ingest.settings.loading import Settings
from ingest.states.airflow import Run, TaskInstance
from ingest.states.job_record import Outcome
from ingest.states.stages import Kind
from tests.api.routes.scripted_airflow import ScriptedAirflow
from tests.api.routes.states import NO_TAR, RUNNING, change, state, wait_for_state
from tests.job_creation import create_job
from tests.orchestrator.airflow_documents import with_dag

WAITS = Run("running", (TaskInstance("open_tar", "up_for_retry", 1),))
PAUSED = "the DAG ingest is paused in Airflow; unpause it (Airflow UI, or airflow dags unpause ingest)"


@pytest.mark.parametrize("run", [Run("queued", ()), WAITS], ids=["queued", "waits for another try"])
def test_a_waiting_job_reports_that_its_dag_is_paused_and_its_other_reason_to_wait(
    client: FlaskClient, airflow: ScriptedAirflow, engine: Engine, job_id: int, run: Run
) -> None:
    airflow.answer, airflow.documents = run, with_dag("ingest", is_paused=True)
    change(engine, job_id, stage="open_tar", error={**NO_TAR, "final": False})
    document = wait_for_state(client, job_id, lambda state: PAUSED in state["exception"])
    assert (document["state"], document["complete"]) == ("OK", False)
    wait_for_state(
        client, job_id, lambda state: state["exception"] == (f"no_tar: why; {PAUSED}" if run is WAITS else PAUSED)
    )
    # Obstacles are temporary, so they are not kept.
    last = jobs.read(engine, job_id).record.last
    assert last is not None
    assert PAUSED not in last.exception


def test_a_job_that_was_never_triggered_reports_that_its_dag_is_paused(
    client: FlaskClient, airflow: ScriptedAirflow, engine: Engine, job_id: int
) -> None:
    airflow.documents = with_dag("ingest", is_paused=True)
    change(engine, job_id, triggered=None)
    assert wait_for_state(client, job_id, lambda state: bool(state["exception"]))["exception"] == PAUSED


def test_a_job_that_waits_for_earlier_jobs_of_its_user_reports_it(
    make_app: Callable[..., Flask], settings: Settings, airflow: ScriptedAirflow
) -> None:
    app = make_app(settings.model_copy(update={"user_running_jobs": 1}), airflow=airflow)
    resources = resources_of(app)
    first, waiting = resources.services.uniqueid.allocate("upload_job", 2)
    for job in (first, waiting):
        create_job(resources.engine, jobs.Received(job, Kind.INGEST, "penelope", f"{job}-00000000.tar", 1))
    change(resources.engine, waiting, updated=func.now() - timedelta(minutes=1))
    document = state(app.test_client(), waiting)
    assert (document["state"], document["task"], document["complete"]) == ("OK", "UPLOADING", False)
    assert document["exception"] == "waits for earlier jobs of the same user: 1 of them run at a time"
    change(resources.engine, first, outcome=Outcome.CATALOGED)
    assert state(app.test_client(), waiting)["exception"] == ""


def test_a_running_stage_does_not_report_a_paused_dag(
    client: FlaskClient, airflow: ScriptedAirflow, engine: Engine, job_id: int
) -> None:
    airflow.answer, airflow.documents = RUNNING, with_dag("ingest", is_paused=True)
    wait_for_state(client, job_id, lambda state: bool(state["task"] == "load metadata"))
    resources_of(client.application).get(RecentObstacles).current()
    assert state(client, job_id)["exception"] == ""
