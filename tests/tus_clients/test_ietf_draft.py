"""tus-js-client with `protocol: 'ietf-draft-05'` against the server's draft -12, as far as both agree.

They differ in these points:

- The client names interop version 6, the server's is 8. So the server never sends a 104, and the client learns the URL of
  its upload from the answer 201 to an empty creation, which both drafts have.
- A file that the client reads in several requests ends with `Upload-Complete: ?0`, because its `FileSource` reports the end
  only to a request that has the whole file. So the server takes the last byte of the length as the end if the client names
  another interop version than its own.
- The client's option `uploadDataDuringCreation` for a bundle in one request does not work: the server answers the whole
  bundle as `POST /upload` does, without the `Location` and the `Upload-Offset` that the client expects. The client reports
  an error and sends the bundle again, once for each of its `retryDelays`, and each time makes a job.
- `protocol: 'ietf-draft-03'` does not work: its PATCH has no `Content-Type`, and is answered 415.
"""

import json
from pathlib import Path

import pytest

from tests.api.live_server import Server
from tests.cutting_proxy import Cut, Fault, LostAnswer, cutting_proxy
from tests.tus_clients.clients import Client
from tests.tus_clients.conftest import SIZE
from tests.tus_clients.received import makes_one_job

PROTOCOL = "ietf-draft-05"
CHUNK = 5_000_000
FAULTS: dict[str, tuple[Fault, ...]] = {
    "nothing happens": (),
    "cut": (Cut(after=3_000_000), Cut(after=9_000_000, reset=True)),
    "answer lost": (LostAnswer(after=SIZE),),
    "creation without an answer": (LostAnswer(),),
}


@pytest.mark.parametrize("read_as", ["buffer", "file"])
@pytest.mark.parametrize("fault", FAULTS)
def test_bundle_is_one_job(tus_js_client: Client, server: Server, bundle: Path, fault: str, read_as: str):
    with makes_one_job(server, bundle), cutting_proxy(server.url, FAULTS[fault]) as proxy:
        tus_js_client.upload(f"{proxy.url}/upload", bundle, protocol=PROTOCOL, read_as=read_as)
        assert proxy.happened == list(FAULTS[fault])


@pytest.mark.parametrize("read_as", ["buffer", "file", "stream"])
def test_bundle_in_chunks_is_answered_as_a_bundle_in_one_request(
    tus_js_client: Client, server: Server, bundle: Path, read_as: str
):
    with makes_one_job(server, bundle) as made:
        endpoint = f"{server.url}/ingest"
        ended = tus_js_client.upload(endpoint, bundle, protocol=PROTOCOL, read_as=read_as, chunk_size=CHUNK)
    assert json.loads(ended.body)["job_id"] == made.job


def test_first_chunk_in_the_creation_is_kept(tus_js_client: Client, server: Server, bundle: Path):
    settings = {"protocol": PROTOCOL, "read_as": "buffer", "chunk_size": CHUNK}
    with makes_one_job(server, bundle), cutting_proxy(server.url) as proxy:
        tus_js_client.upload(f"{proxy.url}/ingest", bundle, data_with_creation=True, **settings)
        assert proxy.forwarded < SIZE + CHUNK
