from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from api.app import create_app
from api.resources import resources_of
from ingest.orchestrator.client import AirflowApi
from ingest.settings.loading import Settings
from tests.api.clock import Clock
from tests.api.live_server import NOWHERE, Server, serving
from tests.api.server_command import run as run  # noqa: PLC0414 - a fixture of this folder


@pytest.fixture(scope="session")
def server(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield a server on a free port, with Airflow unavailable."""
    spool = tmp_path_factory.mktemp("api") / "spool"
    spool.mkdir()
    with serving(spool, database_url) as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(
        volume_path=tmp_path,
        database_url=database_url,
        airflow_url=NOWHERE,
        archiveinterface_url=f"file://{tmp_path}/archive",
    )


@pytest.fixture
def make_app(settings: Settings) -> Iterator[Callable[..., Flask]]:
    """Create the application in this process, optionally with another client of Airflow."""
    engines = []

    def make(settings: Settings = settings, airflow: AirflowApi | None = None) -> Flask:
        app = create_app(settings, airflow=airflow)
        engines.append(resources_of(app).engine)
        return app

    yield make
    for engine in engines:
        engine.dispose()
