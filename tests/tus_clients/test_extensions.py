"""Extensions of tus as the stock clients use them: checksum, deferred length, data in the creation, termination."""

import json
from pathlib import Path

import pytest

from tests.api.live_server import Server
from tests.cutting_proxy import Cut, Fault, LostAnswer, Stall, cutting_proxy
from tests.tus_clients.clients import TUSPY, Client
from tests.tus_clients.received import makes_one_job

CHUNK = 5_000_000
FAULTS: dict[str, tuple[Fault, ...]] = {
    "nothing happens": (),
    "cut and lost": (Cut(after=3_000_000), LostAnswer(after=CHUNK)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_tuspy_sends_a_checksum_of_each_chunk(server: Server, bundle: Path, fault: str):
    with makes_one_job(server, bundle), cutting_proxy(server.url, FAULTS[fault]) as proxy:
        TUSPY.upload(f"{proxy.url}/uploads", bundle, chunk_size=CHUNK, upload_checksum=True)
        assert proxy.happened == list(FAULTS[fault])


def test_tuspy_sends_one_checksum_of_the_whole_bundle(server: Server, bundle: Path):
    with makes_one_job(server, bundle), cutting_proxy(server.url, [LostAnswer(after=CHUNK)]) as proxy:
        TUSPY.upload(f"{proxy.url}/uploads", bundle, upload_checksum=True)


def test_metadata_of_the_upload_is_accepted(client: Client, server: Server, bundle: Path):
    with makes_one_job(server, bundle):
        client.upload(f"{server.url}/uploads", bundle, metadata={"filename": "日本.tar", "empty": ""})


@pytest.mark.parametrize("fault", FAULTS)
def test_tus_js_client_uploads_a_stream_of_unknown_length(
    tus_js_client: Client, server: Server, bundle: Path, fault: str
):
    with makes_one_job(server, bundle), cutting_proxy(server.url, FAULTS[fault]) as proxy:
        tus_js_client.upload(f"{proxy.url}/uploads", bundle, read_as="stream", chunk_size=CHUNK)
        assert proxy.happened == list(FAULTS[fault])


@pytest.mark.parametrize("chunk", [{}, {"chunk_size": CHUNK}], ids=["whole", "first chunk"])
def test_tus_js_client_sends_data_with_the_creation(
    tus_js_client: Client, server: Server, bundle: Path, chunk: dict[str, int]
):
    with makes_one_job(server, bundle):
        tus_js_client.upload(f"{server.url}/uploads", bundle, data_with_creation=True, **chunk)


def test_creation_with_data_that_is_cut_is_repeated(tus_js_client: Client, server: Server, bundle: Path):
    with makes_one_job(server, bundle), cutting_proxy(server.url, [Cut(after=9_000_000)]) as proxy:
        tus_js_client.upload(f"{proxy.url}/uploads", bundle, data_with_creation=True)


def test_terminated_upload_leaves_nothing_although_a_request_is_writing_it(
    tus_js_client: Client, server: Server, bundle: Path, tmp_path: Path
):
    stall, storage = Stall(after=9_000_000), tmp_path / "urls.json"
    with server.leaves_nothing(), cutting_proxy(server.url, [stall]) as proxy:
        with tus_js_client.running(f"{proxy.url}/uploads", bundle, storage=storage) as killed:
            proxy.wait_until_happened(stall)
            killed.kill()
        (stored,) = json.loads(storage.read_text()).values()
        tus_js_client.terminate(stored["uploadUrl"])
