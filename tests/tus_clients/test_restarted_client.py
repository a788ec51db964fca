"""Stock clients that are killed and started again find the URL of their upload in a file, and send only the rest."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.live_server import Server
from tests.cutting_proxy import CuttingProxy, Stall, cutting_proxy
from tests.tus_clients.clients import Client
from tests.tus_clients.received import makes_one_job, upload_document

CHUNK = 5_000_000
# More than the requests besides the bundle have, and less than a client sends that does not resume.
SLACK = 1_000_000


@pytest.fixture
def proxy(server: Server) -> Iterator[CuttingProxy]:
    with cutting_proxy(server.url) as proxy:
        yield proxy


def test_killed_client_resumes_although_its_connection_is_still_open(
    client: Client, server: Server, proxy: CuttingProxy, bundle: Path, tmp_path: Path
):
    stall = Stall(after=9_000_000)
    proxy.add(stall)
    with makes_one_job(server, bundle):
        with client.running(f"{proxy.url}/uploads", bundle, storage=tmp_path / "urls.json") as first:
            proxy.wait_until_happened(stall)
            first.kill()
        client.upload(f"{proxy.url}/uploads", bundle, storage=tmp_path / "urls.json")
    assert proxy.forwarded < bundle.stat().st_size + SLACK


def test_killed_client_that_sends_chunks_resumes(
    client: Client, server: Server, proxy: CuttingProxy, bundle: Path, tmp_path: Path
):
    stall = Stall(after=3_000_000)
    with makes_one_job(server, bundle):
        for _ in range(3):
            proxy.happened.clear()
            proxy.add(stall)
            with client.running(
                f"{proxy.url}/uploads", bundle, chunk_size=CHUNK, storage=tmp_path / "urls.json"
            ) as killed:
                proxy.wait_until_happened(stall)
                killed.kill()
        client.upload(f"{proxy.url}/uploads", bundle, chunk_size=CHUNK, storage=tmp_path / "urls.json")
    assert proxy.forwarded < bundle.stat().st_size + SLACK


def test_client_that_starts_again_after_the_end_sends_nothing(
    client: Client, server: Server, proxy: CuttingProxy, bundle: Path, tmp_path: Path
):
    with makes_one_job(server, bundle) as made:
        first = client.upload(f"{proxy.url}/uploads", bundle, storage=tmp_path / "urls.json")
        again = client.upload(f"{proxy.url}/uploads", bundle, storage=tmp_path / "urls.json")
    assert again.url == first.url
    assert upload_document(again.url)["job_id"] == made.job
    assert proxy.forwarded < bundle.stat().st_size + SLACK
