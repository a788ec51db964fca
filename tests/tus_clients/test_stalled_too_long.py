"""A network that stalls for longer than `receive_timeout`: the API ends the request, and the clients resume."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.live_server import Server, execute, serving_alone
from tests.cutting_proxy import CuttingProxy, Stall, cutting_proxy
from tests.tus_clients.clients import Client
from tests.tus_clients.received import makes_one_job
from tools.waiting import wait_until

STALL = Stall(after=9_000_000)
RECORDED = "SELECT count(*) FROM resumable_upload WHERE position > 0 AND completed IS NULL"
RECORDED_SECONDS = 60


@pytest.fixture(scope="module")
def server(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving_alone(tmp_path_factory.mktemp("tus"), database_url, INGEST_RECEIVE_TIMEOUT=3) as server:
        yield server


@pytest.fixture
def proxy(server: Server) -> Iterator[CuttingProxy]:
    with cutting_proxy(server.url, [STALL]) as proxy:
        yield proxy


def recorded(server: Server) -> Any:
    """Return how many uploads have an offset and no job."""
    return execute(server.database_url, RECORDED)[0][0]


def release_after_timeout(server: Server, proxy: CuttingProxy, before: int) -> None:
    """Release the stalled connection when the API has ended its request."""
    proxy.wait_until_happened(STALL)
    wait_until(lambda: recorded(server) == before + 1, RECORDED_SECONDS, lambda: "the request does not end")
    proxy.release()


def test_client_resumes(client: Client, server: Server, proxy: CuttingProxy, bundle: Path):
    before = recorded(server)
    with makes_one_job(server, bundle), client.running(f"{proxy.url}/uploads", bundle) as running:
        release_after_timeout(server, proxy, before)
        running.wait()
    assert recorded(server) == before
