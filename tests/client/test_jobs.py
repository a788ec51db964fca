"""The wait for a job ends with its end, and says whose turn it is."""

from collections.abc import Iterator
from typing import Any

import pytest

from pacifica_ingest_client.errors import JobFailed, JobRejected, ServiceFailed, ServiceUnavailable
from pacifica_ingest_client.progress import NoProgress
from pacifica_ingest_client.service.connection import Access, Connection
from pacifica_ingest_client.service.jobs import JobState, wait_for_job
from pacifica_ingest_client.service.retries import Retries
from tests.services.scripted_server import ScriptedServer, reply, scripted_server


class Shown(NoProgress):
    """Keeps the steps and their progress."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.progress: list[float] = []

    def start(self, step: str, total: int | None) -> None:  # noqa: ARG002 - of the protocol
        self.steps.append(step)

    def move_to(self, done: float) -> None:
        self.progress.append(done)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as server:
        yield server


def state(task: str, percent: str = "0.0", complete: bool | None = False, **changes: Any) -> dict[str, Any]:
    document = {"job_id": 17, "state": "OK", "task": task, "task_percent": percent, "exception": "", **changes}
    return document if complete is None else {**document, "complete": complete}


CATALOGED = state("ingest metadata", "100.0", complete=True)


def wait(server: ScriptedServer, *documents: dict[str, Any], seconds: float = 60) -> JobState:
    server.then(*(reply(200, each) for each in documents))
    progress = Shown()
    return wait_for_job(Connection(server.url, Access()), 17, Retries(seconds, progress), progress)


def test_a_cataloged_job_is_returned(server: ScriptedServer):
    assert wait(server, CATALOGED) == JobState(17, True, "ingest metadata", 100.0, "", True)
    assert server.received[0].path == "/get_state?job_id=17"


def test_stages_are_shown_with_their_progress(server: ScriptedServer):
    progress = Shown()
    server.then(*(reply(200, each) for each in (state("open tar"), state("ingest files", "50.0"), CATALOGED)))
    wait_for_job(Connection(server.url, Access()), 17, Retries(60, progress), progress)
    assert progress.steps == ["job 17: open tar", "job 17: ingest files"]
    assert progress.progress == [0.0, 50.0]


def test_a_rejected_job_lists_what_the_uploader_must_fix(server: ScriptedServer):
    text = "metadata_invalid: the uploader must fix this: member 'a' is not listed; file 'b' is missing"
    with pytest.raises(JobRejected, match="job 17 failed at 'load metadata'") as raised:
        wait(server, state("load metadata", complete=True, state="FAILED", exception=text))
    assert raised.value.faults == ("member 'a' is not listed", "file 'b' is missing")
    assert raised.value.job_id == 17


def test_a_job_that_an_admin_must_fix_is_a_failure_of_the_service(server: ScriptedServer):
    text = "service_unavailable: archive unavailable"
    with pytest.raises(JobFailed, match="archive unavailable"):
        wait(server, state("ingest files", complete=True, state="FAILED", exception=text))


def test_a_job_of_the_original_service_ends_at_100_percent(server: ScriptedServer):
    documents = [
        state("ingest metadata", "50.00000", complete=None),
        state("ingest metadata", "100.00000", complete=None),
    ]
    assert wait(server, *documents).complete


def test_a_failed_job_of_the_original_service_is_an_error(server: ScriptedServer):
    with pytest.raises(JobFailed, match="Traceback"):
        wait(server, state("ingest files", complete=None, state="FAILED", exception="Traceback ..."))


def test_an_outage_while_waiting_is_waited_out(server: ScriptedServer):
    server.then(reply(503, {"message": "starting"}))
    assert wait(server, CATALOGED).complete


def test_a_long_outage_is_an_error(server: ScriptedServer):
    server.then(reply(503, {"message": "starting"}, Retry_After="600"))
    with pytest.raises(ServiceUnavailable, match="starting"):
        wait(server, seconds=60)


def test_an_answer_that_is_no_state_is_an_error(server: ScriptedServer):
    with pytest.raises(ServiceFailed, match="no state"):
        wait(server, {"message": "Pacifica"})
