"""A program on the library pacifica-uploader, unchanged, uploads to the real stack."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.e2e_core.clients import Clients, clients_in
from tests.e2e_core.test_bundles import THREE, assert_complete
from tools.bundles import make_bundle
from tools.pacifica_core.contents import cataloged
from tools.pacifica_core.core import Core
from tools.pacifica_core.people import INSTRUMENT, SUBMITTER
from tools.stack import Stack
from tools.waiting import wait_until

FILES = {"run/one.txt": b"one\n", "run/sub/two.bin": bytes(range(256)) * 12_000, "run/sub/日本.txt": b""}
# Policy resolves this name.
USER = f"user{SUBMITTER}"
TIMEOUT_SECONDS = 30


@pytest.fixture
def clients(stack: Stack, core: Core, tmp_path: Path) -> Iterator[Clients]:
    with clients_in(tmp_path, FILES, stack, core) as clients:
        yield clients


@pytest.mark.parametrize(("how", "coding", "hash_type"), [("length", None, "sha1"), ("chunks", "chunked", "sha256")])
def test_library_uploads_a_stream_and_polls_on_its_connection(
    how: str, coding: str | None, hash_type: str, clients: Clients, stack: Stack, core: Core
):
    ended = clients.library(how, "run", USER, str(INSTRUMENT)).ended
    assert ended.status == 0, ended.errors
    sent, job = ended.document, int(ended.document["state"]["job_id"])
    assert (sent["coding"], sent["length"] is None) == (coding, coding is not None)
    # The upload and every poll; one connection carried them all.
    assert sent["requests"] > 2
    assert sent["connections"] == 1
    assert_complete(stack, core, job, FILES)
    assert {file["hashtype"] for file in (cataloged(core, job) or {}).values()} == {hash_type}


def test_client_that_is_killed_in_the_middle_leaves_nothing_and_can_be_run_again(
    clients: Clients, stack: Stack, core: Core
):
    bundle, spool = make_bundle(THREE), Path(stack.environment["VOLUME_PATH"])
    before = set(spool.glob("*.part"))
    killed = clients.library("input", "", USER, "").process
    assert killed.stdin
    killed.stdin.write(bundle[: len(bundle) // 2])
    killed.stdin.flush()
    parts: set[Path] = set()

    def arrives() -> bool:
        parts.update(set(spool.glob("*.part")) - before)
        return bool(parts)

    wait_until(arrives, TIMEOUT_SECONDS, lambda: "nothing was received")
    killed.kill()
    job = parts.pop().name.split("-")[0]
    wait_until(lambda: not list(spool.glob(f"{job}-*")), TIMEOUT_SECONDS, lambda: f"there is still a file of {job}")
    answer = requests.get(f"{stack.api}/get_state/{job}", timeout=TIMEOUT_SECONDS)
    assert answer.status_code == 404, answer.text

    ended = clients.library("input", "", USER, "").end_with(bundle)
    assert ended.status == 0, ended.errors
    assert_complete(stack, core, int(ended.document["state"]["job_id"]), THREE)
