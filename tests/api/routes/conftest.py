from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, func

from api.resources import resources_of
from ingest.ledger import job_runs, jobs
from ingest.states.stages import Kind
from tests.api.routes.scripted_airflow import ScriptedAirflow
from tests.api.routes.states import change
from tests.job_creation import create_job


@pytest.fixture
def airflow() -> ScriptedAirflow:
    return ScriptedAirflow()


@pytest.fixture
def app(make_app: Callable[..., Flask], airflow: ScriptedAirflow) -> Flask:
    return make_app(airflow=airflow)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def engine(app: Flask) -> Engine:
    return resources_of(app).engine


@pytest.fixture
def job_id(app: Flask, engine: Engine) -> int:
    """Return a job that was received and triggered, a while ago."""
    allocated = resources_of(app).services.uniqueid.allocate("upload_job", 1)[0]
    create_job(engine, jobs.Received(allocated, Kind.INGEST, "anonymous", f"{allocated}-00000000.tar", 1))
    job_runs.mark_triggered(engine, allocated)
    change(engine, allocated, updated=func.now() - timedelta(minutes=1))
    return allocated
