"""Both stock clients upload a bundle through a network that cuts, stalls and loses answers: one job, identical bytes."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.api.live_server import Server
from tests.cutting_proxy import Cut, Fault, LostAnswer, Stall, cutting_proxy
from tests.tus_clients.clients import TUSPY, Client, Ended
from tests.tus_clients.conftest import SIZE
from tests.tus_clients.received import makes_one_job, upload_document

CHUNK = 5_000_000
IN_CHUNK = 3_000_000
FAULTS: dict[str, tuple[Fault, ...]] = {
    "nothing happens": (),
    "FIN": (Cut(after=9_000_000),),
    "RST": (Cut(after=9_000_000, reset=True),),
    "RST in the first block": (Cut(after=1_000, reset=True),),
    "answer lost": (LostAnswer(after=SIZE),),
    "stalled": (Stall(after=9_000_000),),
    "twice": (Cut(after=9_000_000), Cut(after=9_000_000, reset=True), LostAnswer(after=5_000_000)),
}
# tuspy opens a connection for each request, so no connection carries more than a chunk.
FAULTS_IN_CHUNKS: dict[str, tuple[Fault, ...]] = {
    "nothing happens": (),
    "everything": (Cut(IN_CHUNK), LostAnswer(CHUNK), Cut(IN_CHUNK, reset=True), Stall(IN_CHUNK)),
}


def upload(client: Client, server: Server, bundle: Path, faults: Sequence[Fault], **options: object) -> Ended:
    """Upload through faults, and release each stall when it has happened."""
    with (
        cutting_proxy(server.url, faults) as proxy,
        client.running(f"{proxy.url}/uploads", bundle, **options) as running,
    ):
        for stall in (fault for fault in faults if isinstance(fault, Stall)):
            proxy.wait_until_happened(stall)
            proxy.release()
        ended = running.wait()
        assert proxy.happened == list(faults)
    return ended


@pytest.mark.parametrize("fault", FAULTS)
def test_bundle_in_one_request_is_one_job(client: Client, server: Server, bundle: Path, fault: str):
    with makes_one_job(server, bundle):
        upload(client, server, bundle, FAULTS[fault])


@pytest.mark.parametrize("fault", FAULTS_IN_CHUNKS)
def test_bundle_in_chunks_is_one_job(client: Client, server: Server, bundle: Path, fault: str):
    with makes_one_job(server, bundle):
        upload(client, server, bundle, FAULTS_IN_CHUNKS[fault], chunk_size=CHUNK)


@pytest.mark.parametrize("fault", ["nothing happens", "answer lost"])
def test_last_answer_and_the_upload_name_the_job(client: Client, server: Server, bundle: Path, fault: str):
    with makes_one_job(server, bundle) as made, cutting_proxy(server.url, FAULTS[fault]) as proxy:
        ended = client.upload(f"{proxy.url}/uploads", bundle)
        assert ended.link is not None
        document = upload_document(ended.url)
    assert ended.link == f'</jobs/{made.job}>; rel="related"'
    assert (document["job_id"], document["complete"]) == (made.job, True)
    assert document["offset"] == document["length"] == bundle.stat().st_size


def test_creation_that_is_not_answered_is_repeated_by_tus_js_client(
    tus_js_client: Client, server: Server, bundle: Path
):
    with makes_one_job(server, bundle):
        upload(tus_js_client, server, bundle, [LostAnswer()])


def test_creation_that_is_not_answered_ends_tuspy_and_the_next_start_uploads(server: Server, bundle: Path):
    with makes_one_job(server, bundle), cutting_proxy(server.url, [LostAnswer()]) as proxy:
        with TUSPY.running(f"{proxy.url}/uploads", bundle) as first:
            assert "TusCommunicationError" in first.wait_for_error()
        TUSPY.upload(f"{proxy.url}/uploads", bundle)
