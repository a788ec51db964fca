"""The real API, a bundle, and the stock clients. Airflow is unavailable, so a job's bundle stays in the spool."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.live_server import Server, serving_alone
from tests.tus_clients.clients import CLIENTS, TUS_JS_CLIENT, Client, installed
from tools.bundles import make_bundle

SIZE = 24_000_000


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of a bundle whose bytes differ everywhere."""
    path = tmp_path_factory.mktemp("bundle") / "bundle.tar"
    make_bundle({"data/noise.bin": os.urandom(SIZE)}, path=path)
    return path


@pytest.fixture(scope="module")
def server(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving_alone(tmp_path_factory.mktemp("tus"), database_url) as server:
        yield server


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> Client:
    """Return each stock client."""
    return installed(request.param)


@pytest.fixture
def tus_js_client() -> Client:
    return installed(TUS_JS_CLIENT.name)
