"""Two servers on one ledger: once one of them has answered FAILED, so does the other, which does not know the run's end.

The other one keeps a new state with each answer meanwhile, and a third process writes to the job.
"""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest
import requests
from sqlalchemy import Engine, func

from ingest.ledger import job_runs, jobs
from ingest.ledger.database import transaction
from ingest.ledger.models import Job
from ingest.states.stages import Kind
from tests.api.live_server import Server, serving
from tests.api.routes.states import change
from tests.job_creation import create_job
from tests.orchestrator.scripted_airflow import TASKS, job_run, scripted_airflow, tasks
from tools.waiting import wait_until

JOB = 8_180_000
ROUNDS = 8
POLLERS = 3
SECONDS = 60
ERROR = {"stage": "open_tar", "code": "tar_unreadable", "text": "no tar", "final": True, "attempt": 1}


@dataclass
class Polls:
    """The states that one server has answered, each with the time at which its request began."""

    server: Server
    answers: list[tuple[float, str]] = field(default_factory=list)

    def poll(self) -> str:
        """Poll on a new connection, so that either process of the server may answer."""
        begun = time.monotonic()
        answer = requests.get(f"{self.server.url}/get_state?job_id={JOB}", timeout=SECONDS)
        assert answer.status_code == 200, answer.text
        self.answers.append((begun, str(answer.json()["state"])))
        return self.answers[-1][1]

    def since(self, moment: float) -> list[str]:
        return [state for begun, state in self.answers if begun >= moment]


@pytest.fixture
def servers(database_url: str, tmp_path: Path) -> Iterator[tuple[Server, Server]]:
    """Yield two servers, each with an Airflow of its own: for one the run has failed, for the other only its task has."""
    (tmp_path / "spool").mkdir()
    with ExitStack() as stack:
        found = []
        for state in ("failed", "running"):
            airflow = stack.enter_context(scripted_airflow())
            airflow.answer("POST", TASKS, (200, {"task_instances": tasks("failed", run_id=f"job-{JOB}")}))
            airflow.answer("GET", f"/api/v2/dags/ingest/dagRuns/job-{JOB}", (200, job_run(state, JOB)))
            server = serving(tmp_path / "spool", database_url, INGEST_AIRFLOW_URL=airflow.url)
            found.append(stack.enter_context(server))
        yield found[0], found[1]


@pytest.fixture
def engine(database_engine: Engine) -> Iterator[Engine]:
    create_job(database_engine, jobs.Received(JOB, Kind.INGEST, "anonymous", f"{JOB}.tar", 1))
    job_runs.mark_triggered(database_engine, JOB)
    yield database_engine
    with transaction(database_engine) as session:
        session.delete(session.get_one(Job, JOB))


def fail_the_job(engine: Engine) -> None:
    """Let the job fail for good, a minute ago, with a run that no process has read."""
    changes = jobs.read(engine, JOB).run_changes + 1
    ago = func.now() - func.make_interval(0, 0, 0, 0, 0, 1)
    change(engine, JOB, stage="open_tar", error=ERROR, last_state=None, run_changes=changes, updated=ago)


@contextmanager
def busy(engine: Engine, other: Polls) -> Iterator[None]:
    """Poll one server in several threads, and change the job's progress, so that the answers differ."""
    ended = threading.Event()

    def poll() -> None:
        while not ended.is_set():
            other.poll()

    def report_progress() -> None:
        for percent in count():
            change(engine, JOB, percent=percent % 90)
            if ended.wait(0.002):
                return

    with ThreadPoolExecutor(POLLERS + 1) as pool:
        running = [pool.submit(poll) for _ in range(POLLERS)] + [pool.submit(report_progress)]
        try:
            yield
        finally:
            ended.set()
        for each in running:
            each.result()


def states_after_failed(knowing: Polls, other: Polls) -> set[str]:
    """Poll the server that learns of the run's end until FAILED; return what the other one answers from then on."""
    wait_until(lambda: knowing.poll() == "FAILED", SECONDS, lambda: "the end of the run is never known")
    failed_at = time.monotonic()
    wait_until(lambda: len(other.since(failed_at)) > 10 * POLLERS, SECONDS, lambda: "no further polls")
    return set(other.since(failed_at))


def test_failed_is_answered_by_all_processes_after_the_first(servers: tuple[Server, Server], engine: Engine) -> None:
    knowing, other = Polls(servers[0]), Polls(servers[1])
    for _ in range(ROUNDS):
        fail_the_job(engine)
        with busy(engine, other):
            assert states_after_failed(knowing, other) == {"FAILED"}
