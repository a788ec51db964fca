"""pacifica-cli, unchanged, when its job fails: it stops waiting and prints the reason."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.e2e_core.clients import USUAL, Client, Clients, clients_in
from tests.e2e_core.test_bundles import THREE, assert_complete
from tools.bundles import make_bundle
from tools.pacifica_core.contents import cataloged
from tools.pacifica_core.core import Core
from tools.pacifica_core.proxy import Fault, Proxy
from tools.pacifica_core.services import ARCHIVE, UNIQUEID
from tools.stack import Stack

FILES = {
    "here/run/one.txt": b"one\n",
    "run/two.txt": b"two\n",
    "kept.tar": make_bundle(THREE),
    "wrong.tar": make_bundle(THREE).replace(b"one\n", b"ten\n"),
}
SERVICE_ERROR = (500, b'{"message": "gone away"}')


@dataclass(frozen=True)
class Failure:
    """The arguments of a command line, the stage that fails, and the reason that the user sees."""

    words: tuple[str, ...]
    task: str
    reason: str
    fields: tuple[str, ...] = USUAL


FAILURES = {
    "unknown project": Failure(
        ("--project", "unheard-of", "run"),
        "Policy Validation",
        "Precondition Failed: Invalid values for project",
        # Otherwise the client itself rejects the project.
        fields=("logon", "project", "instrument"),
    ),
    "key without a name": Failure(
        ("run",),
        "ingest metadata",
        "Metadata does not accept the transaction: KeyError: 'key'",
        (*USUAL, "unnamed-key"),
    ),
    "wrong hash": Failure(("--local-retry", "wrong.tar"), "ingest files", "a/b/one.txt"),
    "the same file twice": Failure(("run", "run/two.txt"), "open tar", "'run/two.txt' is in the bundle twice"),
    # The original service accepted this one and cataloged the dots.
    "folder above": Failure(("here/../run",), "open tar", "'data/here/../run/two.txt' is neither"),
}


@pytest.fixture(scope="module")
def clients(stack: Stack, core: Core, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    with clients_in(tmp_path_factory.mktemp("clients"), FILES, stack, core) as clients:
        yield clients


@pytest.fixture(scope="module")
def uploads(clients: Clients) -> dict[str, Client]:
    """Return every upload that will fail by its name, started."""
    return {name: clients.upload(*failure.words, fields=failure.fields) for name, failure in FAILURES.items()}


@pytest.mark.parametrize("name", FAILURES)
def test_job_that_fails_ends_the_wait_and_the_reason_is_printed(
    name: str, uploads: dict[str, Client], stack: Stack, core: Core
):
    ended, failure = uploads[name].ended, FAILURES[name]
    # pacifica-cli 0.5.2 exits with 0 even if the job failed; only the state that it prints shows the failure.
    assert ended.status == 0, ended.errors
    seen = ended.document
    assert (seen["state"], seen["task"], seen["complete"]) == ("FAILED", failure.task, True), seen
    assert failure.reason in seen["exception"]
    assert stack.state(ended.job)["exception"] == seen["exception"]
    assert cataloged(core, ended.job) is None


def test_client_waits_on_while_a_stage_is_tried_again(
    uploads: dict[str, Client], clients: Clients, stack: Stack, core: Core, proxies: dict[str, Proxy]
):
    # The fault is for the job of this test alone.
    assert all(upload.ended for upload in uploads.values())
    with proxies[ARCHIVE].fault(Fault("PUT", "/", times=2, answer=SERVICE_ERROR, keep_from_service=True)) as fault:
        ended = clients.upload("--local-retry", "kept.tar", options=("--verbose", "debug")).ended
    assert fault.seen == 2
    assert "service_unavailable: " in ended.errors
    assert (ended.status, ended.document["state"]) == (0, "OK"), ended
    assert_complete(stack, core, ended.job, THREE)


def test_refused_upload_ends_the_client_with_an_error(
    uploads: dict[str, Client], clients: Clients, proxies: dict[str, Proxy]
):
    assert all(upload.ended for upload in uploads.values())
    with proxies[UNIQUEID].fault(Fault("GET", "/getid", times=100, answer=SERVICE_ERROR, keep_from_service=True)):
        ended = clients.upload("--local-retry", "kept.tar", options=("--verbose", "debug")).ended
    assert ended.status == 1
    # The client expects a job id in every answer; only its log contains the error.
    assert ended.errors.rstrip().endswith("KeyError: 'job_id'")
    assert "'status': '503 Service Unavailable'" in ended.errors
    assert "uniqueid" in ended.errors.lower()
